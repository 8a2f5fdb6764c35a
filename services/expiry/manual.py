"""The scan by hand: what is due right now is listed, or cancelled while somebody waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import emissions, store
from services.expiry.current import Current
from services.expiry.errors import AutoCancelDisabled
from services.expiry.grace import deadline, eligible
from services.expiry.policies import Policies
from services.expiry.settings import ExpirySettings
from services.expiry.store import START, Entry, Mark
from services.expiry.sweep import BATCH, Sweep
from services.expiry.tables import SCHEMA
from services.runtime.kafka import stop_quickly
from services.runtime.migrations import require_newest
from services.runtime.outbox import Outgoing
from services.runtime.process import Process

ASK_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Due:
    """A booking that has lapsed."""

    booking: UUID
    expires_at: datetime
    status: str
    category: str


@dataclass(slots=True)
class Summary:
    """What a run found due at `as_of`, and what became of it."""

    as_of: datetime
    dry_run: bool
    due: Sequence[Due]
    emitted: set[UUID] = field(default_factory=set)
    cancelled: set[UUID] = field(default_factory=set)
    rejected: set[UUID] = field(default_factory=set)

    @property
    def waiting(self) -> list[UUID]:
        """The bookings found that have no answer yet, in the scan's order."""
        answered = self.cancelled | self.rejected
        return [d.booking for d in self.due if d.booking not in answered]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers to show."""
        return {
            "found": len(self.due),
            "emitted": len(self.emitted),
            "cancelled": len(self.cancelled),
            "rejected": len(self.rejected),
            "unanswered": 0 if self.dry_run else len(self.waiting),
        }


async def due(connection: AsyncConnection, now: datetime, policies: Policies, limit: int | None = None) -> list[Due]:
    """Return what has lapsed at `now` in the scan's order, the first `limit` of it."""
    found: list[Due] = []
    mark: Mark | None = START
    while mark is not None and (limit is None or len(found) < limit):
        entries = await store.due(connection, now, mark, BATCH, waiting=True)
        found += [d for entry in entries if (d := _due(entry, policies, now))]
        mark = Mark.of(entries[-1]) if len(entries) == BATCH else None
    return found[:limit]


def _due(entry: Entry, policies: Policies, now: datetime) -> Due | None:
    decided = deadline(entry.facts, policies.of(entry.facts, now))
    if decided.expires_at is None or not eligible(entry.facts, decided, now):
        return None
    return Due(entry.booking, decided.expires_at, entry.facts.status, entry.facts.category)


async def run_now(
    settings: ExpirySettings, *, dry_run: bool, patience: float = 60.0, progress: Callable[[Summary], None] = lambda _: None
) -> Summary:
    """List what is due right now and, unless `dry_run`, have it cancelled by the running services.

    Waits until each booking is answered, or until `patience` seconds of the host have brought no answer; `progress` is told of every
    round. Raises AutoCancelDisabled, StartFailed, KafkaError, SQLAlchemyError.
    """
    if not (dry_run or settings.enabled):
        message = "AUTO_CANCEL_ENABLED is false: nothing is cancelled; set it to true, or ask for a dry run"
        raise AutoCancelDisabled(message)
    async with _connected(settings) as (process, connection):
        now, policies = process.clock.now(), await Current(settings.policies).read(connection)
        summary = Summary(now, dry_run, await due(connection, now, policies))
        if not dry_run and summary.due:
            await process.producer.start()
            async for state in _cancel(process, connection, settings, summary, patience):
                progress(state)
    return summary


@asynccontextmanager
async def _connected(settings: ExpirySettings) -> AsyncIterator[tuple[Process, AsyncConnection]]:
    """Yield the service's clients, and a connection on which every statement is a transaction of its own."""
    process = Process("expiry", settings, settings.port)
    try:
        async with process.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await require_newest(connection, SCHEMA)
            yield process, connection
    finally:
        await stop_quickly(process.producer.stop)
        await process.engine.dispose()


async def _cancel(
    process: Process, connection: AsyncConnection, settings: ExpirySettings, summary: Summary, patience: float
) -> AsyncIterator[Summary]:
    """Emit until everything found is answered, and yield after every round."""

    async def publish(records: Sequence[Outgoing]) -> None:
        await process.publish(records)
        summary.emitted |= {UUID(r.key.decode()) for r in records if r.key} & found

    found = {d.booking for d in summary.due}
    current = Current(settings.policies)
    sweep = Sweep(current, publish, settings.in_flight)
    answered_at = time.monotonic()
    while summary.waiting and time.monotonic() - answered_at < patience:
        more = await sweep.run_once(connection, process.clock.now())
        await asyncio.sleep(0 if more else ASK_EVERY)
        if await _note_answers(connection, summary, await current.read(connection), 2 * settings.in_flight):
            answered_at = time.monotonic()
        yield summary


async def _note_answers(connection: AsyncConnection, summary: Summary, policies: Policies, at_most: int) -> bool:
    """Ask about the first `at_most` bookings that wait, since answers come in order; return whether there were any."""
    ids = summary.waiting[:at_most]
    refused = await emissions.refused(connection, ids)
    entries = await store.read(connection, ids)
    cancelled = {booking for booking, entry in entries.items() if entry.expired_at}
    moved_on = {booking for booking, entry in entries.items() if not _due(entry, policies, summary.as_of)}
    summary.cancelled |= cancelled
    summary.rejected |= (refused | moved_on) - cancelled
    return bool(cancelled | refused | moved_on)
