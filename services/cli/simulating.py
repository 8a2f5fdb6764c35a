"""`sewa expiry simulate`: what another policy or calendar would do to the open bookings."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.values import instant_text
from services.cli.desk import SNAPSHOT, at_the_desk, read_object
from services.cli.output import AsJson, console, print_json
from services.cli.terms import FIELDS, Given, instant, refusals, takes, terms
from services.expiry.reports import ExpirySettings, NotAcceptable, Problem, office

ABOUT = {
    "category": "Whose policy it is, and whose bookings are looked at; default '*' and all bookings.",
    "as_of": "The instant at which it is in force, RFC 3339 with Z; default now.",
}
SHOWN = 10
TITLES = {
    "current": "lapsed as things stand",
    "candidate": "lapsed then",
    "newly_cancelled": "newly cancelled",
    "spared": "spared",
    "moved": "moved, same fate",
}
ABOUT_A_VERSION = {"category", "policy_version", "effective_at", "set_by", "reason"}
PolicyFile = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="Fields of a policy as a JSON object.")]


@takes(
    {
        **ABOUT,
        **FIELDS,
        "calendar": "The calendar of days off by name, or a file with a new one as a JSON object; the policy tried uses it.",
    }
)
def simulate(*, given: Given, policy: PolicyFile = None, as_json: AsJson = False) -> None:
    """Show which open bookings a policy or a calendar would cancel, spare or move if it were in force; nothing is changed.

    Exit code 2: a field is wrong.
    """
    with refusals():
        candidate, as_of = _candidate(given, policy), instant(given, "as_of")

        async def judge(connection: AsyncConnection, settings: ExpirySettings, now: datetime) -> office.Simulation:
            with _progress() as advance:
                return await office.simulate(connection, settings.policies, candidate, as_of or now, advance)

        simulation = at_the_desk(judge, SNAPSHOT)
    if as_json:
        print_json(simulation.as_json())
    else:
        _print(simulation)


def _candidate(given: Given, policy: Path | None) -> office.Candidate:
    """Return what is tried. Raises NotAcceptable, OSError."""
    named = Path(given.get("calendar", ""))
    file = named if named.suffix or named.is_file() else None
    written = dict(read_object(policy)) if policy else {}
    fields = {name: value for name, value in written.items() if name not in ABOUT_A_VERSION}
    fields |= {name: value for name, value in terms(given).items() if name != "calendar" or not file}
    calendar = read_object(file) if file else None
    if fields and calendar and "calendar" in calendar:
        fields.setdefault("calendar", calendar["calendar"])
    if not (fields or file):
        raise NotAcceptable(Problem("fields", "name at least one, such as --grace-hours 48, or a file"))
    category = given.get("category") or written.get("category")
    return office.Candidate(None if category is None else str(category), fields or None, calendar)


@contextmanager
def _progress() -> Iterator[Callable[[int], object]]:
    """Count bookings on a terminal."""
    counted = 0
    with console(stderr=True).status("looking at open bookings") as status:

        def advance(number: int) -> None:
            nonlocal counted
            counted += number
            status.update(f"{counted:,} open bookings")

        yield advance


def _print(simulation: office.Simulation) -> None:
    table = Table("", "bookings", "worth", box=None, pad_edge=False, header_style="bold")
    for name, group in simulation.groups.items():
        table.add_row(TITLES[name], f"{group.count:,}", f"{group.total_amount:,}")
    console().print(table)
    for name in ("newly_cancelled", "spared", "moved"):
        _print_changes(TITLES[name], simulation.groups[name].as_json())
    console().print(f"as of {instant_text(simulation.as_of)}; nothing was changed")


def _print_changes(title: str, group: Mapping[str, Any]) -> None:
    table = Table(title, "from", "to", "worth", box=None, pad_edge=False, header_style="bold")
    for change in group["results"][:SHOWN]:
        table.add_row(change["booking"], change["from"] or "never", change["to"] or "never", change["total_amount"])
    if group["count"]:
        console().print()
        console().print(table)
    if group["count"] > SHOWN:
        console().print(f"and {group['count'] - SHOWN:,} more")
