"""The benchmarks: each sends its load, waits for the last effect, and reads back that everything happened exactly once."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.cloudevents import Outgoing
from contracts.commands import ExpireBooking
from contracts.events import BookingCancelled, BookingCreated, BookingSubmitted
from services.cli.bench import latency as lateness, ledger
from services.cli.bench.load import requests, with_copies
from services.cli.bench.tally import Tally, tally
from services.cli.clients import producing
from services.cli.demo.stage import Stage
from services.cli.sending import Sender
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt

SOON, LATE, LAPSED = timedelta(hours=1), timedelta(days=60), timedelta(hours=73)
REMINDED, LEAD = timedelta(hours=24, minutes=30), timedelta(seconds=5)
MILLISECONDS = 1000


async def ingest(stage: Stage, opens: datetime, commands: int, *, copies: bool) -> dict[str, float]:
    """Create `commands` bookings: from the first command sent to the last event sent. Raises Halt."""
    records = requests(commands, opens + LATE, opens)
    async with _database(stage) as engine:
        began = time.time() * MILLISECONDS
        await _send(stage.kafka, with_copies(records) if copies else records)
        sent = time.time() * MILLISECONDS
        await _created(engine, records)
        rested = await ledger.rest(stage, engine)
    last = (await _demand(stage, records)).last_ms
    parts = {"sending_seconds": round((sent - began) / MILLISECONDS, 3), "rest_seconds": round(rested - began / MILLISECONDS, 3)}
    return {**parts, **_rate(commands, (last - began) / MILLISECONDS)}


async def expiry(stage: Stage, opens: datetime, due: int, others: int) -> dict[str, float]:
    """Let `due` bookings lapse among `others`: from the first command to the last event, and to the last row of the send ledger."""
    lapsing, open_ = requests(due, opens + SOON, opens), requests(others, opens + LATE, opens)
    async with _database(stage) as engine:
        await _send(stage.kafka, [*open_, *lapsing])
        await _created(engine, [*open_, *lapsing])
        await ledger.until(engine, ledger.WATCHED, due + others)
        stage.move_clock(opens + REMINDED)
        await ledger.rest(stage, engine)
        stage.move_clock(opens + LAPSED)
        await ledger.until(engine, ledger.TOLD, due)
        told = time.time() * MILLISECONDS
        await ledger.until(engine, ledger.QUEUED, 0)
        await ledger.until(engine, ledger.EXPIRED, due)
        await ledger.until(engine, ledger.BOOKINGS, others)
        rested = await ledger.rest(stage, engine)
        await _told_once(engine, due)
    emitted, cancelled, repeated = await _cancelled(stage, lapsing)
    events = (cancelled.last_ms - emitted.first_ms) / MILLISECONDS
    whole = max(told - emitted.first_ms, cancelled.last_ms - emitted.first_ms) / MILLISECONDS
    parts = {"events_seconds": events, "rest_seconds": round(rested - emitted.first_ms / MILLISECONDS, 3)}
    return {"repeated": repeated, **parts, **_rate(due, whole)}


async def latency(stage: Stage, opens: datetime, rate: float, number: int, poll_seconds: float) -> dict[str, float]:
    """Let `number` bookings lapse one after the other, `rate` a second: how long after its deadline each is in the send ledger."""
    records = [requests(1, opens + SOON + timedelta(seconds=n / rate), opens)[0] for n in range(number)]
    async with _database(stage) as engine:
        await _send(stage.kafka, records)
        await _created(engine, records)
        await ledger.until(engine, ledger.WATCHED, number)
        due = await lateness.deadlines(engine)
        stage.move_clock(opens + REMINDED)
        await ledger.rest(stage, engine)
        stage.move_clock(min(due.values()) - LEAD)
        late = await lateness.lateness(stage, engine, due)
        await ledger.until(engine, ledger.QUEUED, 0)
        await ledger.until(engine, ledger.EXPIRED, number)
        await ledger.rest(stage, engine)
        await _told_once(engine, number)
    _, _, repeated = await _cancelled(stage, records)
    return {"repeated": repeated, **lateness.summary(late, poll_seconds)}


@asynccontextmanager
async def _database(stage: Stage) -> AsyncIterator[AsyncEngine]:
    engine = open_direct_engine(stage.database, name="sewa-bench")
    try:
        yield engine
    finally:
        await engine.dispose()


async def _told_once(engine: AsyncEngine, number: int) -> None:
    """Raise Halt unless the ledger has one letter to each of so many customers, and to nobody else."""
    for statement in (ledger.TOLD, ledger.TOLD_ONCE):
        if (count := await ledger.value(engine, statement)) != number:
            raise Halt(f"{count} letters or customers instead of {number}: {' '.join(statement.split())}")


async def _send(bootstrap: str, records: Sequence[Outgoing]) -> None:
    async with producing(bootstrap) as producer:
        sender = Sender(producer, _refused)
        for number, record in enumerate(records):
            await sender.send(number, record)
        await sender.finish()


async def _created(engine: AsyncEngine, records: Sequence[Outgoing]) -> None:
    await ledger.until(engine, ledger.BOOKINGS, len(records))
    await ledger.until(engine, ledger.QUEUED, 0)


async def _cancelled(stage: Stage, records: Sequence[Outgoing]) -> tuple[Tally, Tally, int]:
    """Return the commands, the cancellations, and how many commands came again because their answer took longer than ten seconds."""
    emitted, cancelled = await tally(stage.kafka, ExpireBooking), await tally(stage.kafka, BookingCancelled)
    repeated = emitted.demand_some(_subjects(records), "commands to expire")
    cancelled.demand(_subjects(records), "cancellations")
    return emitted, cancelled, repeated


async def _demand(stage: Stage, records: Sequence[Outgoing]) -> Tally:
    created, submitted = await tally(stage.kafka, BookingCreated), await tally(stage.kafka, BookingSubmitted)
    created.demand(_subjects(records), "creations")
    submitted.demand(_subjects(records), "submissions")
    return submitted


def _subjects(records: Iterable[Outgoing]) -> list[str]:
    return [(record.key or b"").decode() for record in records]


def _rate(number: int, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 3), "per_second": round(number / seconds, 1)}


def _refused(_number: int, why: str) -> None:
    raise Halt(f"Apache Kafka does not take a message of the benchmark: {why}")
