"""`sewa calendar`: the days on which nobody works, as data that is looked at, made and published."""

import asyncio
import json
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import Field

from services.cli import calendar_pages as pages
from services.cli.announcing import WHO_AND_WHEN, Wait, admin, tell
from services.cli.desk import at_the_desk, read_object
from services.cli.endpoints import adopt, answering_database
from services.cli.output import AsJson, console, print_json, quiet_logs
from services.cli.terms import Given, refusals, takes
from services.expiry.reports import ExpirySettings, Policies, in_force, office, policies, versions, whole
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt

NEPAL, SATURDAY = "NP", "sat"
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
YEARS = re.compile(r"(\d{4})(?:-(\d{4}))?")
app = typer.Typer(add_completion=False, no_args_is_help=True)
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A calendar; default a list of all.")]
Year = Annotated[int | None, typer.Option("--year", help="Only the days of this year.")]
Country = Annotated[str, typer.Argument(metavar="COUNTRY", help="ISO code, such as IN, or DE-BY for a part of a country.")]
Years = Annotated[str, typer.Option("--years", metavar="A-B", help="The first and the last year.")]
Calendar = Annotated[str, typer.Option("--calendar", metavar="NAME", help="The name that policies will use.")]
Version = Annotated[str, typer.Option("--version", help="The version that it gets.")]
Weekend = Annotated[str | None, typer.Option("--weekend", metavar="DAYS", help="Such as sat or fri,sat, or `none`; default sat for NP.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A calendar as JSON; see docs/policies.md.")]


class CalendarSettings(ExpirySettings):
    """The policies of this installation, for whoever needs neither Kafka nor, where nothing runs, a database."""

    database_url: str = Field("", validation_alias="DATABASE_URL", validate_default=False)
    kafka: str = Field("", validation_alias="KAFKA_BOOTSTRAP_SERVERS")


@app.callback()
def calendar() -> None:
    """Show, import and publish the days on which nobody works."""


@app.command()
def show(name: Name = None, *, year: Year = None, as_json: AsJson = False) -> None:
    """Show the calendars there are, which version is in force and where it comes from; or the days of one.

    Where nothing runs, these are the calendars that come with the service. Exit code 1: there is no such calendar or year.
    """
    quiet_logs()
    adopt()
    settings = CalendarSettings.load()
    now = business_clock(settings.clock_file, settings.env).now()
    with answering_database(settings.database_url):
        known = asyncio.run(_read(settings))
    if name is None:
        shown: Any = {"results": versions(known, now)}
        print_json(shown) if as_json else pages.listed(console(), shown["results"])
        return
    if (found := in_force(known, name, now)) is None:
        raise Halt(f"there is no calendar {name} in force")
    if year is not None and not found.years[0] <= year <= found.years[1]:
        raise Halt(f"--year: {name} {found.version} covers {found.years[0]} to {found.years[1]}")
    told = whole(found, year)
    print_json(told) if as_json else pages.days(console(), told)


async def _read(settings: CalendarSettings) -> Policies:
    if not settings.database_url:
        return settings.policies
    engine = open_direct_engine(settings.database_url, name="sewa-calendar")
    try:
        async with engine.connect() as connection:
            return await policies(connection, settings.policies)
    finally:
        await engine.dispose()


@app.command("import")
def import_(country: Country, *, years: Years, calendar: Calendar, version: Version, weekend: Weekend = None) -> None:
    """Print a calendar made from the public holidays that the `holidays` package knows, as data to look through, keep and publish.

    Its weekends are not taken over: name yours. Exit code 1: the country or a year is not known; 2: an option is wrong.
    """
    document = import_module("services.cli.calendar_import").imported(country, _years(years), _weekend(country, weekend))
    json.dump({"calendar": calendar, "calendar_version": version, **document}, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write(os.linesep)


@app.command()
@takes(WHO_AND_WHEN)
def publish(file: File, *, given: Given, wait: Wait = False, as_json: AsJson = False) -> None:
    """Publish the next version of a calendar.

    Exit code 2: a field is wrong, and nothing was sent.
    """
    with refusals():
        document = {**read_object(file), **{name: text for name, text in given.items() if name == "effective_at"}}
        data = at_the_desk(
            lambda connection, settings, now: office.publish_calendar(connection, settings.policies, document, admin(given), now)
        )
    tell(data, wait=wait, as_json=as_json)


def _years(text: str) -> tuple[int, int]:
    found = YEARS.fullmatch(text)
    if not found or int(found[1]) > int(found[2] or found[1]):
        raise typer.BadParameter("two years such as 2026-2030", param_hint="--years")
    return int(found[1]), int(found[2] or found[1])


def _weekend(country: str, text: str | None) -> list[str]:
    if text is None and country == NEPAL:
        return [SATURDAY]
    days = [] if text == "none" else (text or "").split(",")
    if text is None or not set(days) <= set(WEEKDAYS):
        raise typer.BadParameter(f"days such as sat or fri,sat, of {', '.join(WEEKDAYS)}", param_hint="--weekend")
    return days
