"""`sewa expiry explain`: why one booking lapses when it does, or lapsed when it did."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import Field

from contracts.events import EVENTS, Event
from contracts.message import Message
from contracts.values import instant_text, parse_instant
from services.booking.reports import Entry, read_timeline
from services.cli.endpoints import answering_database, reach
from services.cli.expiry_pages import explanation
from services.cli.output import AsJson, console, print_json
from services.expiry.reports import ExpirySettings, explain as explained, policies, story
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt

CONTRACTS = {contract.__name__: contract for contract in EVENTS}
Booking = Annotated[UUID, typer.Argument(metavar="BOOKING", help="The booking's id.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", metavar="INSTANT", parser=parse_instant, help="As it stood or will stand then, RFC 3339 with Z; default now."),
]


class ExplainSettings(ExpirySettings):
    """The policies of this installation, for whoever only reads the database."""

    kafka: str = Field("", validation_alias="KAFKA_BOOTSTRAP_SERVERS")


def explain(booking: Booking, *, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show why a booking is due or not: each rule with pass or fail, what it looks at, the days off skipped, and the instants.

    Works before and after the fact; of a booking that expired it shows the recorded decision. Exit code 1: there is no such booking.
    """
    reach("database")
    settings = ExplainSettings.load()
    with answering_database(settings.database_url):
        told = asyncio.run(_read(settings, booking, as_of))
    if as_json:
        print_json(told)
    else:
        explanation(console(), told)


async def _read(settings: ExplainSettings, booking: UUID, as_of: datetime | None) -> dict[str, Any]:
    now = as_of or business_clock(settings.clock_file, settings.env).now()
    engine = open_direct_engine(settings.database_url, name="sewa-explain")
    try:
        async with engine.connect() as connection:
            entries = await read_timeline(connection, booking)
            told = story(booking, _events(booking, [e for e in entries if as_of is None or e.at <= as_of]))
            if told is None:
                raise Halt(f"there is no booking {booking}" + (f" at {instant_text(now)} yet" if entries else ""))
            return explained(told, await policies(connection, settings.policies), now)
    finally:
        await engine.dispose()


def _events(booking: UUID, entries: list[Entry]) -> Iterator[Message[Event]]:
    for entry in entries:
        data = CONTRACTS[entry.type].model_validate_json(json.dumps({**entry.data, "status": entry.to_status}))
        yield Message(str(entry.event_id), "sewabazaar/booking", str(booking), entry.at, entry.actor, data)
