"""A directory whose three groups a test moves by hand on a real database, and the small world it hears of."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.actors import Actor
from contracts.commands import SuggestRebooking
from contracts.directory import PersonUpserted, ProviderHoursSet, ProviderLeaveSet, ServiceUpserted, Week
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    BookingSubmitted,
    CancellationReason,
    DeliveryConfirmed,
    Event,
    ReviewAdded,
    Status,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.topics import DIRECTORY_EVENTS
from contracts.values import Contract
from contracts.wire import Sources, Tombstone, decode
from services.directory import handlers, store
from services.directory.tables import PARTITIONED, SCHEMA
from services.runtime.db import open_engine, transaction
from services.runtime.outcomes import Outcome, Received, Record
from services.runtime.partitions import Partitions
from tests.builders import received

NOW = datetime(2026, 11, 15, 3, 15, tzinfo=UTC)  # a Sunday, 09:00 in Nepal
VISIT = NOW + timedelta(days=1)
HOUR = timedelta(hours=1)
PEOPLE = Actor("upstream", "people")


def said(data: Contract, at: datetime = NOW) -> Message[Contract]:
    """What is said about the directory."""
    return Message(str(new_id()), "people", str(data.required_subject()), at, PEOPLE, data)


def person(id_: UUID, *, at: datetime = NOW, **changes: Any) -> Message[Contract]:
    """A provider called Hari."""
    usual = {"role": "provider", "name": "Hari Thapa", "email": "hari@example.com", "phone": "9800000000", "active": True}
    return said(PersonUpserted(id=id_, **{**usual, **changes}), at)


def service(provider: UUID, *, at: datetime = NOW, **changes: Any) -> Message[Contract]:
    """An hour of plumbing."""
    usual = {"id": new_id(), "category": "plumbing", "name": "Tap repair", "price": Decimal("1200.00"), "duration_minutes": 60}
    flags = {"prepaid": False, "requires_photos": False, "min_photos": 0, "active": True}
    return said(ServiceUpserted(provider=provider, **{**usual, **flags, **changes}), at)


def week(provider: UUID, timezone: str = "Asia/Kathmandu", **days: Any) -> Message[Contract]:
    """When a provider works."""
    return said(ProviderHoursSet(provider=provider, timezone=timezone, weekly=Week(**days)))


def leave(provider: UUID, id_: UUID, begin: str, end: str, reason: str = "Dashain") -> Message[Contract]:
    """Days on which a provider is away."""
    from_, to = date.fromisoformat(begin), date.fromisoformat(end)
    return said(ProviderLeaveSet(id=id_, provider=provider, from_=from_, to=to, reason=reason))


@dataclass
class Story:
    """The events of one booking at VISIT; versions count up."""

    provider: UUID = field(default_factory=new_id)
    service: UUID = field(default_factory=new_id)
    id: UUID = field(default_factory=new_id)
    starts: datetime = VISIT
    versions: "count[int]" = field(default_factory=lambda: count(1))

    def happens(self, data: Event) -> Message[Event]:
        return Message(
            str(new_id()),
            "sewabazaar/booking",
            str(self.id),
            NOW,
            Actor.system("booking"),
            data,
            "request",
            aggregate_version=next(self.versions),
        )

    def asked(self) -> list[Message[Event]]:
        """Created and pending."""
        data = BookingCreated(
            status="created",
            customer=new_id(),
            provider=self.provider,
            service=self.service,
            category="plumbing",
            booking_date=self.starts,
            duration_minutes=60,
            total_amount=Decimal("1500.00"),
        )
        return [self.happens(data), self.happens(BookingSubmitted(status="pending"))]

    def accepted(self) -> Message[Event]:
        return self.happens(BookingAccepted(status="confirmed", booking_date=self.starts, ends_at=self.starts + HOUR))

    def cancelled(self, reason: CancellationReason, previous: Status = "pending") -> Message[Event]:
        data = BookingCancelled(
            status="cancelled",
            previous_status=previous,
            cancellation_reason=reason,
            cancellation_note=None,
            cancelled_by="system:booking",
            cancelled_at=NOW,
            auto_cancelled=reason == "expired",
            booking_date=self.starts,
        )
        return self.happens(data)

    def rated(self, stars: int) -> list[Message[Event]]:
        """The whole story of a booking with a happy end."""
        confirmed = DeliveryConfirmed(
            status="awaiting_confirmation", confirmed_by="system:booking", rating=stars, amount_due=Decimal("0.00")
        )
        completed = BookingCompleted(status="completed", completed_at=NOW, captured=Decimal("0.00"), auto_confirmed=False)
        return [*self.asked(), self.accepted(), self.happens(confirmed), self.happens(completed)]

    def reviewed(self, stars: int) -> Message[Event]:
        return self.happens(ReviewAdded(status="completed", rating=stars))


@dataclass
class Directory:
    """The service without Kafka: what it would publish is in its outbox."""

    engine: AsyncEngine

    async def hears(self, *messages: Message[Contract]) -> Sequence[Outcome]:
        """Settle a batch of booking events, or have both groups settle a batch of directory messages."""
        batch = [received(message) for message in messages]
        if messages[0].topic == DIRECTORY_EVENTS.name:
            await self.settle(handlers.project, batch)
            return await self.settle(handlers.answer_leave, batch)
        await Partitions(self.engine, SCHEMA, PARTITIONED).ensure_for(UUID(message.subject) for message in messages)
        return await self.settle(handlers.follow_bookings, batch)

    async def settle(self, handle: Any, batch: Sequence[Received]) -> Sequence[Outcome]:
        async with transaction(self.engine) as connection:
            return cast(Sequence[Outcome], await handle(connection, batch, NOW))

    async def forgets(self, *subjects: str) -> None:
        """Settle tombstones."""
        batch = [
            Received(Record(DIRECTORY_EVENTS.name, 0, 0, 0, s.encode(), None, ()), Tombstone(DIRECTORY_EVENTS.name, s.encode()))
            for s in subjects
        ]
        await self.settle(handlers.project, batch)
        await self.settle(handlers.answer_leave, batch)

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        async with transaction(self.engine) as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def sent(self) -> list[Message[SuggestRebooking]]:
        """The commands that wait to be published, as the booking service will read them."""
        async with self.engine.connect() as connection:
            rows = await store.waiting(connection, 100)
        found = [decode(r.topic, r.key, r.headers, r.value, sources=Sources(), host_now=datetime.now(UTC)) for r in rows]
        return cast(list[Message[SuggestRebooking]], found)


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Directory]:
    engine = open_engine(database_url, pool_size=3, name="test")
    yield Directory(engine)
    await engine.dispose()
