"""What `sewa policy set` and `sewa calendar publish` share: in whose name something is published, and what is said of it."""

import asyncio
import os
from typing import Annotated

import typer

from contracts.actors import Actor
from contracts.ids import derived_id
from contracts.policies import CalendarPublished, GracePolicySet
from services.cli import policy_pages as pages
from services.cli.desk import settings_of_expiry
from services.cli.endpoints import answering_database
from services.cli.output import console, print_json
from services.cli.policy_waiting import wait_for
from services.cli.terms import Given
from services.expiry.reports import NotAcceptable, Problem, office

WHO_AND_WHEN = {
    "effective_at": "From when on, RFC 3339 with Z; default in 60 s.",
    "by": "Id of the admin who sets it; default one that is derived from the user's name.",
}
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is in force and the open bookings follow it.")]


def admin(given: Given) -> str:
    """Return in whose name something is set. Raises NotAcceptable where nobody would listen."""
    by = given.get("by") or str(derived_id("operator", os.environ.get("USER") or str(os.getuid())))
    if not settings_of_expiry().allowed_sources.allows(office.SOURCE, Actor("admin", by)):
        raise NotAcceptable(Problem("by", f"SEWA_SOURCES does not let {office.SOURCE} speak for admins"))
    return f"admin:{by}"


def tell(data: GracePolicySet | CalendarPublished, *, wait: bool, as_json: bool) -> None:
    """Print what was published, and with `wait` how the open bookings follow it."""
    following = _waited_for(data, wait=wait)
    if as_json:
        print_json({**data.model_dump(mode="json"), **({"redating": following.as_json()} if following else {})})
    else:
        pages.published(console(), data, following)


def _waited_for(data: GracePolicySet | CalendarPublished, *, wait: bool) -> office.Following | None:
    settings = settings_of_expiry()
    with answering_database(settings.database_url):
        return asyncio.run(wait_for(settings, data, patiently=wait))
