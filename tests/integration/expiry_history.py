"""Events as the booking service tells them, and an expiry service that hears them on a real database."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.actors import Actor
from contracts.commands import ExpireBooking, MaintenanceCancel
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCreated,
    BookingNotesEdited,
    BookingRescheduled,
    BookingSubmitted,
    Event,
    Slot,
    Status,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.policies import GracePolicySet
from contracts.rejections import CommandRejected, RejectionCode
from contracts.values import Contract
from contracts.wire import Sources, Tombstone, decode
from services.expiry import emissions, handlers, manual, store
from services.expiry.answers import FullReport, RunRequest, Started
from services.expiry.breaker import Breaker
from services.expiry.current import Current
from services.expiry.grace import Policy
from services.expiry.holding import Guard
from services.expiry.policies import Policies
from services.expiry.published import AnyPolicy
from services.expiry.redating import Redating
from services.expiry.running import Running
from services.expiry.settings import ExpirySettings
from services.expiry.store import Entry
from services.expiry.sweep import Sweep
from services.expiry.tables import PARTITIONED, SCHEMA
from services.runtime.db import transaction
from services.runtime.outbox import Outgoing, outgoing
from services.runtime.outcomes import Outcome, Received, Record
from services.runtime.partitions import Partitions

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
DAY, HOUR, MINUTE, TICK = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
BOOKED_FOR = NOW - 25 * HOUR
CUSTOMER = Actor("customer", "11111111-1111-4111-8111-111111111111")
PROVIDER = Actor("provider", "22222222-2222-4222-8222-222222222222")
ADMIN = Actor("admin", "55555555-5555-4555-8555-555555555555")
SYSTEM = Actor.system("booking")
POLICIES = Policies(Policy("*", 24))


def policy(version: int, category: str = "*", effective_at: datetime = NOW, **fields: Any) -> GracePolicySet:
    """A version of a policy, a day of grace unless something else is said."""
    usual = {"grace_hours": 24.0, "set_by": str(ADMIN)}
    return GracePolicySet(category=category, policy_version=version, effective_at=effective_at, **{**usual, **fields})


def event(booking: UUID, version: int, data: Event, actor: Actor = SYSTEM, at: datetime = BOOKED_FOR - DAY) -> Message[Event]:
    """An event of the booking service."""
    return Message(str(new_id()), "sewabazaar/booking", str(booking), at, actor, data, aggregate_version=version)


def requested(booking: UUID, booking_date: datetime = BOOKED_FOR, category: str = "plumbing") -> list[Message[Event]]:
    """The events of a new request."""
    created = BookingCreated(
        status="created",
        customer=UUID(CUSTOMER.id),
        provider=UUID(PROVIDER.id),
        service=new_id(),
        category=category,
        booking_date=booking_date,
        duration_minutes=60,
        total_amount=Decimal("1500.00"),
    )
    return [event(booking, 1, created, CUSTOMER), event(booking, 2, BookingSubmitted(status="pending"))]


def accepted(booking: UUID, version: int, at: datetime) -> Message[Event]:
    """The provider takes it."""
    return event(booking, version, BookingAccepted(status="confirmed", booking_date=BOOKED_FOR, ends_at=BOOKED_FOR + HOUR), PROVIDER, at)


def moved(booking: UUID, version: int, booking_date: datetime, actor: Actor, at: datetime) -> Message[Event]:
    """Somebody moves a pending booking."""
    before = Slot(booking_date=BOOKED_FOR, duration_minutes=60)
    ends_at, by = booking_date + HOUR, str(actor)
    data = BookingRescheduled(
        status="pending", booking_date=booking_date, duration_minutes=60, ends_at=ends_at, previous=before, moved_by=by
    )
    return event(booking, version, data, actor, at)


def noted(booking: UUID, version: int, status: Status = "pending") -> Message[Event]:
    """The customer edits the notes at NOW."""
    return event(booking, version, BookingNotesEdited(status=status, notes="Ring twice."), CUSTOMER, NOW)


def expired(booking: UUID, version: int, expires_at: datetime, cancelled_at: datetime = NOW) -> Message[Event]:
    """It lapsed."""
    data = BookingCancelled(
        status="cancelled",
        previous_status="pending",
        cancellation_reason="expired",
        cancellation_note=None,
        cancelled_by="system:expiry",
        cancelled_at=cancelled_at,
        auto_cancelled=True,
        expired_at=expires_at,
        booking_date=expires_at - DAY,
        evidence=None,
    )
    return event(booking, version, data, Actor.system("expiry"), cancelled_at)


def maintained(booking: UUID, version: int, cancelled_at: datetime = NOW) -> Message[Event]:
    """An admin had it cleared away."""
    ended = expired(booking, version, NOW, cancelled_at).data
    changes = {"cancellation_reason": "maintenance", "expired_at": None}
    return event(booking, version, ended.model_copy(update=changes), ADMIN, cancelled_at)


def rejected(command: Message[ExpireBooking] | Message[MaintenanceCancel], code: RejectionCode) -> Message[CommandRejected]:
    """The booking service's refusal of a command."""
    data = CommandRejected(
        command_id=command.id,
        command_source=command.source,
        command_type=command.type,
        payload_hash="0" * 64,
        code=code,
        detail="",
        status="pending",
        version=command.data.expected_version,
        allowed=(),
        actor=str(command.actor),
    )
    return Message(str(new_id()), "sewabazaar/booking", command.subject, NOW, SYSTEM, data)


def read(record: Outgoing) -> Message[Contract]:
    """The message in a record, as its receiver understands it."""
    message = decode(record.topic, record.key, record.headers, record.value, sources=Sources(), host_now=datetime.now(UTC))
    assert not isinstance(message, Tombstone)
    return message


def received(message: Message[Contract]) -> Received:
    """The message as a worker reads it."""
    sent = outgoing(message)
    return Received(Record(sent.topic, 0, 0, 0, sent.key, sent.value, sent.headers), read(sent))


@dataclass
class HostClock:
    """The host's clock, held still."""

    instant: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def pass_by(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@dataclass
class Expiry:
    """An expiry service without its broker: what it would publish is `sent`."""

    engine: AsyncEngine
    policies: Policies = POLICIES
    host: HostClock = field(default_factory=HostClock)
    sent: list[Message[ExpireBooking]] = field(default_factory=list)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        self.sent += [read(record) for record in records]  # type: ignore[misc]

    @property
    def current(self) -> Current:
        return Current(self.policies)

    async def redate(self, now: datetime, redating: Redating | None = None) -> list[bool]:
        """Let one pass begin and end, each step in a transaction of its own; return what the steps said."""
        redating, said = redating or Redating(self.current), [True]
        while said[-1]:
            async with transaction(self.engine) as connection:
                said.append(await redating.run_once(connection, now))
        return said[1:]

    def sweep(self, in_flight: int = 2000, batch: int = 500) -> Sweep:
        return Sweep(self.current, self.publish, in_flight, batch, self.host)

    async def hears(self, *events: Message[Event]) -> Sequence[Outcome]:
        partitions = Partitions(self.engine, SCHEMA, PARTITIONED)
        await partitions.ensure_for(UUID(e.subject) for e in events)
        async with transaction(self.engine) as connection:
            return await handlers.indexing(self.current)(connection, [received(e) for e in events], NOW)

    async def learns(self, *policies: AnyPolicy) -> Sequence[Outcome]:
        """Hear of policies and calendars."""
        told = [Message(str(new_id()), "office", p.required_subject(), NOW, ADMIN, p) for p in policies]
        async with transaction(self.engine) as connection:
            return await handlers.settle_policies(connection, [received(message) for message in told], NOW)

    async def is_refused(self, command: Message[ExpireBooking] | Message[MaintenanceCancel], code: RejectionCode) -> Sequence[Outcome]:
        async with transaction(self.engine) as connection:
            return await handlers.note_rejections(connection, [received(rejected(command, code))], NOW)

    async def scan(self, sweep: Sweep, now: datetime = NOW) -> list[UUID]:
        """Scan until there is no more, or nothing more may be asked; return the bookings it asked to cancel, in order."""
        before = known = len(self.sent)
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            while await sweep.run_once(connection, now) and len(self.sent) > known:
                known = len(self.sent)
        return [UUID(command.subject) for command in self.sent[before:]]

    def guarded(self, breaker: Breaker, batch: int = 500) -> Sweep:
        return replace(self.sweep(batch=batch), admits=Guard(self.engine, breaker, self.current).admits)

    def running(self, *, enabled: bool = True) -> Running:
        return Running(self.engine, self.current, self.publish, enabled=enabled, host=self.host, steady=lambda: self.host().timestamp())

    async def carry_out(self, running: Running, now: datetime = NOW) -> list[UUID]:
        """Take steps of the runs under way until they ask for no more; return the bookings that they asked to cancel, in order."""
        before = known = len(self.sent)
        async with self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            while await running.run_once(connection, now) and len(self.sent) > known:
                known = len(self.sent)
        return [UUID(command.subject) for command in self.sent[before:]]

    def settings(self, **changes: Any) -> ExpirySettings:
        url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return ExpirySettings(database_url=url, kafka="none", **changes)

    async def asked(self, request: RunRequest, now: datetime = NOW, **settings: Any) -> Started:
        """An admin asks for a run."""
        async with transaction(self.engine) as connection:
            return await manual.start(connection, self.settings(**settings), request, ADMIN, now)

    async def approved(self, run: UUID, **settings: Any) -> Started:
        """An admin approves what is held."""
        async with transaction(self.engine) as connection:
            return await manual.approve(connection, self.settings(**settings), run, ADMIN, NOW)

    async def report(self, run: UUID) -> FullReport:
        async with self.engine.connect() as connection:
            return await manual.report(connection, run)

    async def queued(self) -> list[Message[Any]]:
        """What waits in the outbox."""
        async with self.engine.connect() as connection:
            return [read(record) for record in await store.waiting(connection, 1000)]

    async def entry(self, booking: UUID) -> Entry:
        async with self.engine.connect() as connection:
            return (await store.read(connection, [booking]))[booking]

    async def unanswered(self) -> int:
        async with self.engine.connect() as connection:
            return await emissions.count_unanswered(connection)
