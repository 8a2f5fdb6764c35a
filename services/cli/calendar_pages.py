"""Calendars as people read them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from services.cli.output import printable

WHY = {"holidays": "holiday", "closures": "closure", "working_days": "worked on"}
ALWAYS = "always"


def listed(screen: Console, versions: Iterable[Mapping[str, Any]]) -> None:
    """Print every version, a line each."""
    table = Table("calendar", "version", "source", "from", "years", "in force", box=None, pad_edge=False, header_style="bold")
    for one in versions:
        years = "–".join(map(str, one["years"]))
        row = (one["calendar"], one["calendar_version"], one["source"], one["effective_at"] or ALWAYS, years)
        table.add_row(*map(printable, row), "yes" if one["in_force"] else "")
    screen.print(table)


def days(screen: Console, told: Mapping[str, Any]) -> None:
    """Print a calendar: what it is, its weekends, and every day that differs."""
    years = "–".join(map(str, told["years"]))
    since = told["effective_at"] or ALWAYS
    screen.print(printable(f"{told['calendar']} {told['calendar_version']}, {told['source']}, in force from {since}, {years}"))
    for weekend in told["weekends"]:
        screen.print(f"weekend from {weekend['from']}: {', '.join(weekend['days']) or 'none'}")
    table = Table("date", "", "", "name", box=None, pad_edge=False, header_style="bold")
    for day, why, name in sorted((day["date"], why, day["name"]) for field, why in WHY.items() for day in told[field]):
        table.add_row(day, f"{date.fromisoformat(day):%a}", why, printable(name))
    screen.print(table)
