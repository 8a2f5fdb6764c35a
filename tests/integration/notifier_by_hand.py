"""A composed notifier whose consumers and loops a test moves by hand, and the events it hears."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY
from sqlalchemy import text

from contracts.actors import Actor
from contracts.deadlines import LapseReminderDue
from contracts.directory import PersonUpserted
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCreated,
    BookingRescheduled,
    BookingSubmitted,
    Event,
    PaymentRecorded,
    Slot,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.payments import PaymentType
from contracts.receipts import Receipt
from contracts.topics import DEADLINE_EVENTS, DIRECTORY_EVENTS
from contracts.values import Contract
from contracts.wire import Sources, decode
from services.notifier import app, store
from services.notifier.channels.mail import Transport
from services.notifier.delivery import Round
from services.notifier.letters import EMAIL
from services.notifier.settings import NotifierSettings
from services.runtime.outcomes import Record
from services.runtime.process import Process
from services.runtime.worker import Worker, nothing_to_prepare
from tests.builders import record

NOW = datetime(2026, 10, 15, 4, tzinfo=UTC)
VISIT = datetime(2026, 10, 17, 4, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECTORY = Actor("upstream", "people")


def directory(subject: UUID, data: Contract, at: datetime = NOW) -> Message[Contract]:
    """What the directory says of a person."""
    return Message(str(new_id()), "people", f"person:{subject}", at, DIRECTORY, data)


def person(id_: UUID, name: str, *, at: datetime = NOW, **more: Any) -> Message[Contract]:
    """Somebody with an address at example.com."""
    usual: dict[str, Any] = {"role": "customer", "email": f"{name.partition(' ')[0].lower()}@example.com", "active": True}
    return directory(id_, PersonUpserted(id=id_, name=name, **{**usual, **more}), at)


@dataclass
class Story:
    """The events of one booking between Sita and Hari; versions count up."""

    id: UUID = field(default_factory=new_id)
    customer: UUID = field(default_factory=new_id)
    provider: UUID = field(default_factory=new_id)
    versions: "count[int]" = field(default_factory=lambda: count(1))

    def people(self) -> list[Message[Contract]]:
        return [person(self.customer, "Sita Rai"), person(self.provider, "Hari")]

    def happens(self, data: Event) -> Message[Event]:
        about = {"correlation_id": "request-7", "aggregate_version": next(self.versions)}
        return Message(str(new_id()), "sewabazaar/booking", str(self.id), NOW, Actor.system("booking"), data, **about)  # type: ignore[arg-type]

    def created(self) -> Message[Event]:
        data = BookingCreated(
            status="created",
            customer=self.customer,
            provider=self.provider,
            service=new_id(),
            category="plumbing",
            booking_date=VISIT,
            duration_minutes=60,
            total_amount=Decimal("1500.00"),
        )
        return self.happens(data)

    def submitted(self) -> Message[Event]:
        return self.happens(BookingSubmitted(status="pending"))

    def accepted(self) -> Message[Event]:
        return self.happens(BookingAccepted(status="confirmed", booking_date=VISIT, ends_at=VISIT + HOUR))

    def moved(self, moved_to: datetime = VISIT + HOUR) -> Message[Event]:
        before = Slot(booking_date=VISIT, duration_minutes=60)
        return self.happens(
            BookingRescheduled(
                status="pending",
                booking_date=moved_to,
                duration_minutes=60,
                ends_at=moved_to + HOUR,
                previous=before,
                moved_by=f"customer:{self.customer}",
            )
        )

    def reminder(self, version: int, hours_before: float = 24) -> Message[LapseReminderDue]:
        """A reminder of the request as it was at `version`, which lapses a day after the visit."""
        data = LapseReminderDue(expires_at=VISIT + 24 * HOUR, hours_before=hours_before, expected_version=version)
        return Message(str(new_id()), "sewabazaar/expiry", str(self.id), NOW, Actor.system("expiry"), data)

    def paid(self, kind: PaymentType, amount: str, **change: Any) -> Message[Event]:
        usual: dict[str, Any] = {name: Decimal("0.00") for name in ("authorized", "captured", "refunded")}
        nothing = dict.fromkeys(("payment_method", "gateway_reference", "processed_at", "failure_code", "terminal"))
        told = {"status": "awaiting_confirmation", "payment_event_id": str(new_id()), "payment_id": "p-1", "payment_status": "none"}
        return self.happens(PaymentRecorded(kind=kind, amount=Decimal(amount), **{**usual, **nothing, **told, **change}))

    def expired(self) -> Message[Event]:
        data = BookingCancelled(
            status="cancelled",
            previous_status="pending",
            cancellation_reason="expired",
            cancellation_note=None,
            cancelled_by="system:expiry",
            cancelled_at=NOW,
            auto_cancelled=True,
            expired_at=NOW,
            booking_date=VISIT,
        )
        return self.happens(data)


@dataclass
class Notifier:
    """The service as it is composed, without Kafka."""

    process: Process
    settings: NotifierSettings

    def worker(self, group: str) -> Worker:
        return next(c.worker for c in self.process._consumers if c.worker.group == group)

    async def hears(self, *messages: Message[Contract]) -> None:
        group = {DIRECTORY_EVENTS.name: "directory", DEADLINE_EVENTS.name: "deadlines"}.get(messages[0].topic, "events")
        await self.worker(f"notifier.{group}").apply([record(message) for message in messages])

    async def forgets(self, key: str) -> None:
        await self.worker("notifier.directory").apply([Record(DIRECTORY_EVENTS.name, 0, 0, 0, key.encode(), None, ())])

    async def delivers(self, now: datetime = NOW) -> None:
        await self.mail().run_once(now)

    def mail(self, transport: Transport | None = None, at_once: int = 20) -> Round:
        usual = app.mail(self.settings)
        return Round(self.process.engine, replace(usual, transport=transport or usual.transport, at_once=at_once))

    async def passes(self) -> None:
        """Let every wait and every lease end."""
        await self.query("update notifier.deliveries set next_attempt_at = '-infinity' where state = 'pending'")

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.process.engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def letters(self) -> dict[str, int]:
        """How many letters of each template the app shows."""
        rows = await self.query("select template, count(*) from notifier.letters group by template")
        return {str(template): int(number) for template, number in rows}

    async def ledger(self, channel: str = EMAIL) -> list[tuple[Any, ...]]:
        return await self.query(f"select state, attempts, reason from notifier.deliveries where channel = '{channel}'")

    def mails(self) -> list[EmailMessage]:
        files = sorted(self.settings.mail_dir.glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), EmailMessage, policy=default) for file in files]

    async def published(self) -> list[Message[Contract]]:
        async with self.process.engine.connect() as connection:
            rows = await store.waiting(connection, 100)
        messages = [decode(r.topic, r.key, r.headers, r.value, sources=Sources(), host_now=datetime.now(UTC)) for r in rows]
        return [message for message in messages if isinstance(message, Message)]

    async def receipts(self) -> list[Receipt]:
        return [message.data for message in await self.published() if isinstance(message.data, Receipt)]


def kinds(receipts: Sequence[Receipt]) -> dict[type[Receipt], int]:
    return dict(Counter(type(receipt) for receipt in receipts))


class StandingClock:
    """It is always NOW."""

    def now(self) -> datetime:
        return NOW


def counted(outcome: str) -> float:
    """How many letters have met `outcome` in this process so far."""
    samples = [sample for metric in REGISTRY.collect() if metric.name == "notifications" for sample in metric.samples]
    return sum(s.value for s in samples if s.name == "notifications_total" and s.labels["outcome"] == outcome)


@asynccontextmanager
async def opened(database_url: str, mail_dir: Path, **settings: Any) -> AsyncIterator[Notifier]:
    """Compose a notifier and make it ready to hear."""
    chosen = NotifierSettings(database_url=database_url, kafka="127.0.0.1:1", mail_dir=mail_dir, **settings)
    notifier = Notifier(app.build(chosen), chosen)
    for consumer in notifier.process._consumers:
        consumer.worker.clock = StandingClock()
    for group in ("notifier.events", "notifier.deadlines"):
        notifier.worker(group).prepare = nothing_to_prepare  # there is no topic to wait for
    for step in notifier.process.starting:
        await step()
    yield notifier
    await notifier.process.producer.stop()
    await notifier.process.engine.dispose()
