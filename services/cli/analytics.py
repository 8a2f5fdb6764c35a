"""`sewa analytics`: the figures of a period, for people as tables."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from pydantic import Field
from rich.table import Table
from rich.text import Text

from contracts.values import Zone
from services.booking.reports import BookingSettings, GroupBy, Period, report
from services.cli.endpoints import VerbSettings, answering_database, reach
from services.cli.output import AsJson, complain, console, print_json
from services.runtime.clock import business_clock

DAY = timedelta(days=1)
USUAL = 30 * DAY
UNKNOWN = "–"
SHOWN = {
    "bookings": "total",
    "completed": "completed",
    "expired": "expired",
    "cancelled by maintenance": "maintenance",
    "cancelled otherwise": "cancelled_other",
    "open": "open",
    "completion %": "completion_rate",
    "auto-cancellation %": "auto_cancellation_rate",
    "other cancellation %": "other_cancellation_rate",
    "average value": "average_booking_value",
    "revenue, gross": "revenue_gross",
    "revenue, net": "revenue_net",
    "ratings": "satisfaction.count",
    "mean rating": "satisfaction.mean",
    "answers of providers": "provider_response.answered",
    "mean answer, s": "provider_response.mean_seconds",
    "median answer, s": "provider_response.median_seconds",
    "90 % answered within, s": "provider_response.p90_seconds",
    "answered within 24 h, %": "provider_response.response_rate_24h",
}
COMPARED = (
    "bookings",
    "completed",
    "completion %",
    "auto-cancellation %",
    "average value",
    "revenue, net",
    "mean rating",
    "median answer, s",
)
app = typer.Typer(add_completion=False)


class AnalyticsSettings(VerbSettings):
    """What the verb reads from the environment besides."""

    timezone: Zone = Field(BookingSettings.model_fields["timezone"].default)


From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First local date; default 30 days before --to.")]
To = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Local date after the last one; default tomorrow.")]
By = Annotated[GroupBy | None, typer.Option("--group-by", help="Show each category, provider, day or month besides.")]
Category = Annotated[str | None, typer.Option(help="Only the bookings of one category.")]
Provider = Annotated[UUID | None, typer.Option(help="Only the bookings of one provider, by id.")]


@app.command()
def analytics(
    *,
    first: From = None,
    last: To = None,
    group_by: By = None,
    category: Category = None,
    provider: Provider = None,
    as_json: AsJson = False,
) -> None:
    """Show rates, revenue, satisfaction and response times of the bookings whose date lies in a period of 366 days at most.

    Revenue is what was settled in the period, for bookings of any date. Exit code 2: the dates make no period.
    """
    reach("database")
    settings = AnalyticsSettings.load()
    now = business_clock(settings.clock_file, settings.env).now()
    try:
        period = replace(period_of(first, last, group_by, settings.timezone, now), category=category, provider=provider)
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(2) from error
    with answering_database(settings.database_url):
        found = asyncio.run(report(settings.database_url, period, now))
    if as_json:
        print_json(found)
    else:
        _print(found)


def period_of(first: datetime | None, last: datetime | None, group_by: GroupBy | None, zone: str, now: datetime) -> Period:
    """Return the period that is asked for; what is not given makes it the last thirty local days. Raises ValueError."""
    end = last.date() if last else now.astimezone(ZoneInfo(zone)).date() + DAY
    return Period(first.date() if first else end - USUAL, end, zone, group_by)


def _print(found: Mapping[str, Any]) -> None:
    screen, last = console(), date.fromisoformat(found["to"]) - DAY
    screen.print(f"bookings from {found['from']} to {last}, {found['timezone']}, as of {found['as_of']}", end="\n\n")
    totals = Table.grid(padding=(0, 2))
    for heading, path in SHOWN.items():
        totals.add_row(heading, _text(found["totals"], path))
    screen.print(totals)
    if found["groups"]:
        screen.print()
        screen.print(_groups(found["groups"]))


def _groups(groups: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("", box=None, pad_edge=False, header_style="bold")
    for heading in COMPARED:
        table.add_column(heading, justify="right")
    for group in groups:
        table.add_row(group["key"], *(_text(group, SHOWN[heading]) for heading in COMPARED))
    return table


def _text(cohort: Mapping[str, Any], path: str) -> Text:
    """Return one figure as people read it."""
    value: Any = cohort
    for name in path.split("."):
        value = value[name]
    return Text(UNKNOWN if value is None else f"{Decimal(value):,}", justify="right")
