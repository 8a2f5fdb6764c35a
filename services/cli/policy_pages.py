"""Policies as people read them."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.policies import CalendarPublished, GracePolicySet
from contracts.values import instant_text
from services.cli.output import printable
from services.expiry.reports import office

HEADINGS = ("category", "version", "from", "grace h", "quiet h", "adjust", "zone", "calendar", "pin", "reminders h", "fees", "by", "reason")
ALWAYS = "always"


def policies(screen: Console, shown: Mapping[str, Any]) -> None:
    """Print what is in force, what is announced, and whether the open bookings follow."""
    rows = {(row["category"], row["policy_version"]): row for policy in shown["results"] for row in (policy, *policy["announced"])}
    screen.print(_table(rows.values()))
    for calendar in shown["calendars"]:
        years = "–".join(map(str, calendar["years"]))
        screen.print(f"calendar {calendar['calendar']} {calendar['calendar_version']} from {calendar['effective_at']}, {years}")
    redating = shown["redating"]
    if redating["settled"]:
        screen.print("the open bookings follow")
    else:
        screen.print(f"the open bookings are being dated anew: {redating['redated']:,} of {redating['total'] or 0:,}")


def versions(screen: Console, results: Iterable[Mapping[str, Any]]) -> None:
    """Print versions, a line each."""
    screen.print(_table(results))


def published(screen: Console, data: GracePolicySet | CalendarPublished, following: office.Following | None) -> None:
    """Print what was set, and how the open bookings follow."""
    number = data.calendar_version if isinstance(data, CalendarPublished) else data.policy_version
    screen.print(f"{data.required_subject()}: version {number} from {instant_text(data.effective_at)}")
    if following:
        screen.print(f"{following.redated:,} open bookings dated anew as of {following.as_of and instant_text(following.as_of)}")


def _table(results: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(*HEADINGS, box=None, pad_edge=False, header_style="bold")
    for one in results:
        grace, quiet = (f"{hours:g}" for hours in (one["grace_hours"], one["quiet_hours"] or one["grace_hours"]))
        fees = f"{one['cancel_fee_percent']} % within {one['free_cancel_hours']} h, no-show {one['no_show_fee_percent']} %"
        reminders = ", ".join(f"{hours:g}" for hours in one["reminders"])
        cells = (one["category"], one["policy_version"], one["effective_at"] or ALWAYS, grace, quiet, one["adjust"])
        more = (one["timezone"], one["calendar"] or "–", one["pin"], reminders, fees, one["set_by"] or "settings", one["reason"] or "")
        table.add_row(*(printable(str(cell)) for cell in (*cells, *more)))
    return table
