"""`sewa timeline`: what happened to one booking, when, by whom, and why."""

import asyncio
from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from pydantic import Field
from rich.padding import Padding
from rich.text import Text

from contracts.values import Zone, instant_text
from services.booking.reports import Entry, read_timeline
from services.cli.endpoints import VerbSettings, answering_database, reach
from services.cli.output import AsJson, console, print_json, printable
from services.cli.telling import in_words, local, notable
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt

INDENT = 5
app = typer.Typer(add_completion=False)


class TimelineSettings(VerbSettings):
    """What `sewa timeline` reads from the environment."""

    timezone: Zone = Field("Asia/Kathmandu", description="IANA zone of local times")


@app.command()
def timeline(booking: Annotated[UUID, typer.Argument(metavar="BOOKING", help="The booking's id.")], *, as_json: AsJson = False) -> None:
    """Tell what happened to one booking: every event with its instant, who acted, and why.

    Local times are those of SEWA_TIMEZONE. Exit code 1: there is no such booking.
    """
    url = reach("database").database_url
    zone = ZoneInfo(TimelineSettings.load().timezone)
    with answering_database(url):
        entries = asyncio.run(_read(url, booking))
    if not entries:
        raise Halt(f"there is no booking {booking}")
    if as_json:
        print_json({"results": [entry.as_json() for entry in entries], "next": None, "previous": None})
    else:
        _print(booking, entries, zone)


async def _read(url: str, booking: UUID) -> list[Entry]:
    engine = open_direct_engine(url, name="sewa-timeline")
    try:
        async with engine.connect() as connection:
            return await read_timeline(connection, booking)
    finally:
        await engine.dispose()


def _print(booking: UUID, entries: Sequence[Entry], zone: ZoneInfo) -> None:
    screen = console()
    screen.print(Text.assemble("booking ", (str(booking), "bold"), f": {entries[-1].to_status}, version {entries[-1].version}"))
    for entry in entries:
        moved = f"{entry.from_status or 'nothing'} → {entry.to_status}" if entry.from_status != entry.to_status else entry.to_status
        screen.print(Text.assemble(f"\n{entry.version:>3}  ", (in_words(entry.type), "bold"), f"  {moved}"))
        for line in _told(entry, zone):
            screen.print(Padding(Text(printable(line)), (0, 0, 0, INDENT), expand=False))


def _told(entry: Entry, zone: tzinfo) -> list[str]:
    """Return the lines under an event: when, by whom and why, and what else is worth knowing."""
    when = f"{instant_text(entry.at)}, {local(entry.at, zone)} in {zone}"
    who = f"by {entry.actor.kind} {entry.actor.id}, asked by {entry.cause_id} from {entry.cause_source}"
    return [line for line in (when, who, ", ".join(notable(entry.data, zone))) if line]
