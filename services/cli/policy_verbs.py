"""`sewa policy`: what is said about grace periods and days off, and how it is changed."""

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.ids import derived_id
from contracts.policies import CalendarPublished, GracePolicySet
from services.cli import policy_pages as pages
from services.cli.desk import at_the_desk, read_object, settings_of_expiry
from services.cli.endpoints import answering_database
from services.cli.output import AsJson, console, print_json
from services.cli.policy_waiting import wait_for
from services.cli.terms import FIELDS, Given, instant, refusals, takes, terms, whole
from services.expiry.reports import ExpirySettings, NotAcceptable, Problem, office

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
        data = at_the_desk(lambda connection, settings, now: office.set_policy(connection, settings.policies, wish, now))
    _tell(data, wait=wait, as_json=as_json)


@app.command()
@takes({name: ABOUT[name] for name in ("effective_at", "by")})
def calendar(file: File, *, given: Given, wait: Wait = False, as_json: AsJson = False) -> None:
    """Publish the next version of a calendar.

    Exit code 2: a field is wrong, and nothing was sent.
    """
    with refusals():
        document = {**read_object(file), **{name: text for name, text in given.items() if name == "effective_at"}}
        data = at_the_desk(
            lambda connection, settings, now: office.publish_calendar(connection, settings.policies, document, _admin(given), now)
        )
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

    shown = at_the_desk(read)
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

    versions = at_the_desk(read)
    if as_json:
        print_json({"results": versions})
    else:
        pages.versions(console(), versions)


def _admin(given: Given) -> str:
    """Return in whose name something is set. Raises NotAcceptable where nobody would listen."""
    by = given.get("by") or str(derived_id("operator", os.environ.get("USER") or str(os.getuid())))
    if not settings_of_expiry().allowed_sources.allows(office.SOURCE, Actor("admin", by)):
        raise NotAcceptable(Problem("by", f"SEWA_SOURCES does not let {office.SOURCE} speak for admins"))
    return f"admin:{by}"


def _tell(data: GracePolicySet | CalendarPublished, *, wait: bool, as_json: bool) -> None:
    following = _waited_for(data, wait=wait)
    if as_json:
        print_json({**data.model_dump(mode="json"), **({"redating": following.as_json()} if following else {})})
    else:
        pages.published(console(), data, following)


def _waited_for(data: GracePolicySet | CalendarPublished, *, wait: bool) -> office.Following | None:
    settings = settings_of_expiry()
    with answering_database(settings.database_url):
        return asyncio.run(wait_for(settings, data, patiently=wait))
