"""`sewa policy`: what is said about grace periods and days off, and how it is changed."""

from datetime import datetime
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli import policy_pages as pages
from services.cli.announcing import WHO_AND_WHEN, Wait, admin, tell
from services.cli.desk import at_the_desk
from services.cli.output import AsJson, console, print_json
from services.cli.terms import FIELDS, Given, instant, refusals, takes, terms, whole
from services.expiry.reports import ExpirySettings, NotAcceptable, Problem, office

ABOUT = {
    **WHO_AND_WHEN,
    "policy_version": "The version that it gets; default the next one.",
    "reason": "Why, for the history.",
}
app = typer.Typer(add_completion=False, no_args_is_help=True)
Category = Annotated[str, typer.Argument(metavar="CATEGORY", help="A category, or '*' for all that have no policy of their own.")]
Some = Annotated[str | None, typer.Argument(metavar="[CATEGORY]", help="A category, or '*'; default all there are.")]


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
            category, terms(given), admin(given), given.get("reason"), instant(given, "effective_at"), whole(given, "policy_version")
        )
        data = at_the_desk(lambda connection, settings, now: office.set_policy(connection, settings.policies, wish, now))
    tell(data, wait=wait, as_json=as_json)


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
