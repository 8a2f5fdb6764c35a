"""The booking service's own handlers on a database of its own, and what can be read there from outside."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Sources
from services.booking import handlers
from services.booking.tables import PARTITIONED, SCHEMA
from services.runtime.db import open_engine, transaction
from services.runtime.loops import ConnectedStep
from services.runtime.outbox import Outgoing
from services.runtime.outcomes import Burial, Outcome, Received
from services.runtime.partitions import Partitions
from services.runtime.worker import Worker
from tests.builders import NOW, received, record


@dataclass
class Clock:
    """Business time, moved by hand."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


def words(outcomes: Sequence[Outcome]) -> list[str]:
    """Fates by name; what is buried by its reason."""
    return [o.reason if isinstance(o, Burial) else str(o) for o in outcomes]


@dataclass
class Service:
    """One database, a worker on it, and a connection of its own that looks at the tables."""

    engine: AsyncEngine
    eye: "asyncpg.Connection[asyncpg.Record]"
    clock: Clock = field(default_factory=Clock)
    letters: list[Outgoing] = field(default_factory=list)
    auto_confirm_after: timedelta | None = None

    def worker(self, group: str = handlers.GROUP) -> Worker:
        """A worker of the service; its dead letters land in `letters`."""
        settle = partial(handlers.settle, auto_confirm_after=self.auto_confirm_after)
        return Worker(group, self.engine, self.clock, Sources(), settle, self._publish, self.prepare)

    async def prepare(self, batch: Sequence[Received]) -> None:
        """Make the partitions that the batch needs, as the service does before each."""
        await Partitions(self.engine, SCHEMA, PARTITIONED).ensure_for(UUID(received.message.subject) for received in batch)

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        self.letters += records

    async def settle(self, *messages: Message[Contract]) -> list[str]:
        """The fates of a batch, settled as the worker does."""
        return words(await self.worker().settle([received(m, n) for n, m in enumerate(messages)]))

    async def pay(self, *facts: Message[Contract]) -> list[str]:
        """The fates of payment facts, settled as their own worker does."""
        return words(await self.worker(handlers.PAYMENTS_GROUP).settle([received(m, n) for n, m in enumerate(facts)]))

    async def apply(self, *messages: Message[Contract]) -> None:
        """A batch of records from bytes to dead letters."""
        await self.worker().apply([record(m, n) for n, m in enumerate(messages)])

    async def run_once(self, step: ConnectedStep) -> bool:
        """One round of one of the service's loops, at the business instant."""
        async with transaction(self.engine) as connection:
            return await step(connection, self.clock.now())

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What the database holds, seen from outside."""
        return [tuple(row) for row in await self.eye.fetch(query, *arguments)]

    async def value(self, query: str, *arguments: object) -> Any:
        return await self.eye.fetchval(query, *arguments)

    async def events(self, *bookings: UUID) -> list[str]:
        """The names of the events of these bookings, in order of version; of all without any."""
        rows = await self.rows("select booking, split_part(type, '.', 2) from booking.log order by booking, version")
        return [name for booking, name in rows if not bookings or booking in bookings]

    async def status(self, booking: UUID) -> tuple[str, int] | None:
        """Status and version."""
        rows = await self.rows("select status, version from booking.bookings where id = $1", booking)
        return (rows[0][0], rows[0][1]) if rows else None

    async def inbox(self) -> dict[str, str]:
        """What became of every message that is remembered, by its id."""
        return {row[0]: row[1] for row in await self.rows("select message_id, outcome from booking.inbox")}

    async def rejections(self) -> list[str]:
        """The codes of the rejections that wait to be published, in order."""
        rows = await self.rows(
            """select convert_from(value, 'UTF8')::json ->> 'code' from booking.outbox
            where topic = 'booking.rejections.v1' order by position"""
        )
        return [code for (code,) in rows]

    async def parked(self) -> int:
        return int(await self.value("select count(*) from booking.parked"))

    async def digest(self) -> list[tuple[Any, ...]]:
        """All that must come out the same however the messages arrived: no ids of events, no instants of the host."""
        return await self.rows(
            """select b.id, b.version, b.status, b.cancellation_reason, b.cancelled_by, s.slot is not null,
                array(select split_part(type, '.', 2) || version from booking.log l where l.booking = b.id order by version)
            from booking.bookings b left join booking.provider_slots s on s.booking = b.id order by b.id"""
        )


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Service]:
    """The service on a migrated database."""
    engine = open_engine(database_url, pool_size=6, name="test")
    eye = await asyncpg.connect(database_url)
    try:
        yield Service(engine, eye)
    finally:
        await eye.close()
        await engine.dispose()
