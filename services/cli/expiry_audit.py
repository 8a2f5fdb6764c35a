"""`sewa expiry audit`: recorded auto-cancellations are computed again, each from its own event alone."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

import typer
from aiokafka import ConsumerRecord
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from contracts.events import BookingCancelled
from contracts.message import type_of
from contracts.topics import BOOKING_EVENTS
from services.cli.endpoints import reach
from services.cli.output import AsJson, console, print_json, printable
from services.cli.whole_topic import records
from services.expiry.reports import Difference, differences

SHOWN = 50
CANCELLED = type_of(BookingCancelled).encode()


@dataclass(slots=True)
class Audit:
    """What was read so far: an event that is there twice counts once."""

    events: int = 0
    audited: set[tuple[bytes, bytes]] = field(default_factory=set)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Compute the event in `record` again, if it is an auto-cancellation."""
        self.events += 1
        headers = dict(record.headers)
        if headers.get("ce_type") != CANCELLED:
            return
        key, version = record.key or b"", headers.get("ce_aggregateversion", b"")
        found = self._recomputed(record, version) if (key, version) not in self.audited else []
        told = {"booking": key.decode("utf-8", "replace"), "version": int(version) if version.isdigit() else None}
        self.differences += [{**told, **asdict(difference)} for difference in found]

    def _recomputed(self, record: ConsumerRecord[bytes, bytes], version: bytes) -> list[Difference]:
        try:
            data = BookingCancelled.model_validate_json(record.value or b"")
        except ValidationError as error:
            return [Difference("data", f"{error.error_count()} fields that cannot be read", "a BookingCancelled")]
        if data.cancellation_reason != "expired":
            return []
        self.audited.add((record.key or b"", version))
        return list(differences(data, int(version) if version.isdigit() else None))


def audit(*, as_json: AsJson = False) -> None:
    """Compute every recorded auto-cancellation again from the evidence in its event, and report what differs.

    Reads all of booking.events.v1, and neither the database nor any calendar. Exit code 1: something differs.
    """
    kafka = reach("kafka").kafka
    screen = console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        found = asyncio.run(_read(kafka, lambda total: bar.update(task, total=total), lambda: bar.advance(task)))
    if as_json:
        print_json({"events": found.events, "audited": len(found.audited), "differences": found.differences})
    else:
        _print(found)
    raise typer.Exit(int(bool(found.differences)))


async def _read(kafka: str, total: Callable[[int], object], advance: Callable[[], object]) -> Audit:
    found = Audit()
    async with aclosing(records(kafka, BOOKING_EVENTS.name, total)) as events:
        async for record in events:
            found.hear(record)
            advance()
    return found


def _print(found: Audit) -> None:
    screen = console()
    for one in found.differences[:SHOWN]:
        told = f"{one['booking']} version {one['version']}: {one['field']} is {one['recorded']}, and computes to {one['recomputed']}"
        screen.print(printable(told))
    if len(found.differences) > SHOWN:
        screen.print(f"… the first {SHOWN} shown")
    counts = f"{found.events:,} events, {len(found.audited):,} auto-cancellations computed again"
    screen.print(f"{counts}, {len(found.differences):,} differences")
