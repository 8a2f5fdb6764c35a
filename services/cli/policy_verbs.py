"""`sewa policy`: what is said about grace periods and days off, and how it is changed."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ids import derived_id
from contracts.policies import CalendarPublished, GracePolicySet
from services.cli import policy_pages as pages
from services.cli.endpoints import answering_database, reach
from services.cli.output import AsJson, console, print_json
from services.cli.policy_waiting import wait_for
from services.cli.terms import FIELDS, Given, instant, refusals, takes, terms, whole
from services.expiry.app import ExpirySettings, NotAcceptable, Problem, office
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine

T = TypeVar("T")
ABOUT = {
    "effective_at": "From when on, RFC 3339 with Z; default in 60 s.",
    "policy_version": "The version that it gets; default the next one.",
    "reason": "Why, for the history.",
    "by": "Id of the admin who sets it; default one that is derived from the user's name.",
}
app = typer.Typer(add_completion=False, no_args_is_help=True)
Category = Annotated[str, typer.Argument(metavar="CATEGORY", help="A category, or '*' for all that have no policy of their own.")]
Some = Annotated[str | None, typer.Argument(metavar="[CATEGORY]", help="A category, or '*'; default all there are.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is in force and the open bookings follow it.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A calendar as JSON; see docs/policies.md.")]


@app.callback()
def policy() -> None:
    """Show and change what decides when bookings lapse, and what cancelling costs."""


@app.command("set")
@takes({**FIELDS, **ABOUT})
def set_(category: Category, *, given: Given, wait: Wait = False, as_json: AsJson = False) -> None:
    """Publish the next version of a category's policy; fields that are not named stay as they are.

    Exit code 2: a field is wrong, and nothing was sent.
    """
    with refusals():
        if not terms(given):
            raise NotAcceptable(Problem("fields", "name at least one, such as --grace-hours 48"))
        wish = office.Wish(
            category, terms(given), _admin(given), given.get("reason"), instant(given, "effective_at"), whole(given, "policy_version")
        )
        data = _run(lambda connection, settings, now: office.set_policy(connection, settings.policies, wish, now))
    _tell(data, wait=wait, as_json=as_json)


@app.command()
@takes({name: ABOUT[name] for name in ("effective_at", "by")})
def calendar(file: File, *, given: Given, wait: Wait = False, as_json: AsJson = False) -> None:
    """Publish the next version of a calendar.

    Exit code 2: a field is wrong, and nothing was sent.
    """
    with refusals():
        document = {**read_object(file), **{name: text for name, text in given.items() if name == "effective_at"}}
        data = _run(lambda connection, settings, now: office.publish_calendar(connection, settings.policies, document, _admin(given), now))
    _tell(data, wait=wait, as_json=as_json)


@app.command()
def show(category: Some = None, *, as_json: AsJson = False) -> None:
    """Show the policies in force and those announced, and how far the open bookings follow them."""

    async def read(connection: AsyncConnection, settings: ExpirySettings, now: datetime) -> dict[str, Any]:
        known = await office.known(connection, settings.policies)
        results = [
            {**office.in_force(known, name, now), "announced": office.announced(known, name, now)}
            for name in ([category] if category else office.categories(known))
        ]
        following = await office.follow(connection, settings.policies, now)
        return {"results": results, "calendars": office.calendars(known), "redating": following.as_json()}

    shown = _run(read)
    if as_json:
        print_json(shown["results"][0] if category else shown)
    else:
        pages.policies(console(), shown)


@app.command()
def history(category: Some = None, *, as_json: AsJson = False) -> None:
    """Show every version so far: who set it, when it took effect, and why."""

    async def read(connection: AsyncConnection, settings: ExpirySettings, _now: datetime) -> list[dict[str, Any]]:
        known = await office.known(connection, settings.policies)
        names = [category] if category else office.categories(known)
        return [data.model_dump(mode="json") for name in names for data in office.heard(known, name)]

    versions = _run(read)
    if as_json:
        print_json({"results": versions})
    else:
        pages.versions(console(), versions)


def read_object(file: Path) -> Mapping[str, object]:
    """Return the JSON object in a file. Raises NotAcceptable, OSError."""
    try:
        document = json.loads(file.read_bytes())
    except ValueError as error:
        raise NotAcceptable(Problem(str(file), f"no JSON: {error}")) from error
    if not isinstance(document, dict):
        raise NotAcceptable(Problem(str(file), "should be a JSON object"))
    return document


def _admin(given: Given) -> str:
    return f"admin:{given.get('by') or derived_id('operator', os.environ.get('USER') or str(os.getuid()))}"


def _tell(data: GracePolicySet | CalendarPublished, *, wait: bool, as_json: bool) -> None:
    following = _run_patiently(data, wait=wait)
    if as_json:
        print_json({**data.model_dump(mode="json"), **({"redating": following.as_json()} if following else {})})
    else:
        pages.published(console(), data, following)


def _run(work: Callable[[AsyncConnection, ExpirySettings, datetime], Awaitable[T]]) -> T:
    """Do `work` in a transaction on the system that is meant, at its business instant."""

    async def transact() -> T:
        engine = open_direct_engine(settings.database_url, name="sewa-policy")
        try:
            async with engine.begin() as connection:
                return await work(connection, settings, business_clock(settings.clock_file, settings.env).now())
        finally:
            await engine.dispose()

    settings = _settings()
    with answering_database(settings.database_url):
        return asyncio.run(transact())


def _run_patiently(data: GracePolicySet | CalendarPublished, *, wait: bool) -> office.Following | None:
    settings = _settings()
    with answering_database(settings.database_url):
        return asyncio.run(wait_for(settings, data, patiently=wait))


def _settings() -> ExpirySettings:
    reach("database", "kafka")
    return ExpirySettings.load()
