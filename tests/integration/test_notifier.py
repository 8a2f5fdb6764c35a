"""The notifier on a real PostgreSQL: one letter each, whatever is repeated, cut off, refused or slow."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
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

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session
from prometheus_client import REGISTRY
from sqlalchemy import text

from contracts.actors import Actor
from contracts.directory import PersonErased, PersonUpserted
from contracts.events import BookingAccepted, BookingCancelled, BookingCreated, BookingSubmitted, Event
from contracts.ids import new_id
from contracts.message import Message
from contracts.receipts import NotificationFailed, NotificationSent, NotificationSuppressed, Receipt
from contracts.topics import DIRECTORY_EVENTS
from contracts.values import Contract
from contracts.wire import Sources, decode
from services.notifier import app, store
from services.notifier.delivery import ATTEMPTS, Round
from services.notifier.letters import EMAIL, IN_APP
from services.notifier.settings import NotifierSettings
from services.runtime.outcomes import Burial, Fate, Received, Record
from services.runtime.process import Process
from services.runtime.worker import Worker

NOW = datetime(2026, 10, 15, 4, 0, tzinfo=UTC)
VISIT = datetime(2026, 10, 17, 4, 15, tzinfo=UTC)
OFFSETS = count()

pytestmark = pytest.mark.asyncio


def record(message: Message[Contract]) -> Record:
    """Return `message` as Kafka delivers it."""
    return Record(message.topic, 0, next(OFFSETS), 0, message.key(), message.value(), tuple(message.headers()))


def person(id_: UUID, name: str, *, email: str | None, at: datetime = NOW, active: bool = True) -> Record:
    data = PersonUpserted(id=id_, role="customer", name=name, email=email, active=active)
    return record(Message(str(new_id()), "directory", f"person:{id_}", at, Actor("upstream", "directory"), data))


@dataclass
class Story:
    """The events of one booking, with versions counted up."""

    id: UUID = field(default_factory=new_id)
    customer: UUID = field(default_factory=new_id)
    provider: UUID = field(default_factory=new_id)
    versions: "count[int]" = field(default_factory=lambda: count(1))

    def happens(self, data: Event) -> Record:
        source, version = "sewabazaar/booking", next(self.versions)
        return record(
            Message(
                str(new_id()),
                source,
                str(self.id),
                NOW,
                Actor.system("booking"),
                data,
                correlation_id="request-7",
                aggregate_version=version,
            )
        )

    def created(self) -> Record:
        facts = {"customer": self.customer, "provider": self.provider, "service": new_id(), "category": "plumbing"}
        return self.happens(
            BookingCreated(status="created", booking_date=VISIT, duration_minutes=60, total_amount=Decimal("1500.00"), **facts)
        )

    def submitted(self) -> Record:
        return self.happens(BookingSubmitted(status="pending"))

    def accepted(self) -> Record:
        return self.happens(BookingAccepted(status="confirmed", booking_date=VISIT, ends_at=VISIT + timedelta(hours=1)))

    def expired(self) -> Record:
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

    def people(self) -> list[Record]:
        return [person(self.customer, "Sita Rai", email="sita@example.com"), person(self.provider, "Hari", email="hari@example.com")]


@dataclass
class Notifier:
    """A composed notifier whose consumers and loops are moved by hand."""

    process: Process
    settings: NotifierSettings

    async def reads(self, *records: Record) -> None:
        group = "notifier.directory" if records[0].topic == DIRECTORY_EVENTS.name else "notifier.events"
        await self.worker(group).apply(records)

    def worker(self, group: str) -> Worker:
        return next(c.worker for c in self.process._consumers if c.worker.group == group)

    async def delivers(self) -> None:
        for channel in (IN_APP, EMAIL):
            await self.round(channel).run_once(NOW)

    def round(self, channel: str, **change: object) -> Round:
        whole = Round(self.process.engine, next(c for c in app.channels(self.settings) if c.name == channel))
        return replace(whole, channel=replace(whole.channel, **change))  # type: ignore[type-var]

    def mails(self) -> list[EmailMessage]:
        return [
            message_from_bytes(path.read_bytes(), EmailMessage, policy=default) for path in sorted(self.settings.mail_dir.glob("*.eml"))
        ]  # type: ignore[arg-type]

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.process.engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def letters(self) -> list[tuple[str, int]]:
        rows = await self.query("select template, count(*) from notifier.letters group by template order by template")
        return [(template, number) for template, number in rows]

    async def waiting(self) -> list[Message[Contract]]:
        async with self.process.engine.connect() as connection:
            rows = await store.waiting(connection, 100)
        messages = [decode(r.topic, r.key, r.headers, r.value, sources=Sources.parse(None), host_now=datetime.now(UTC)) for r in rows]
        return [m for m in messages if isinstance(m, Message)]

    async def receipts(self) -> list[Receipt]:
        return [m.data for m in await self.waiting() if isinstance(m.data, Receipt)]

    async def passes(self) -> None:
        """Let every wait and every lease end."""
        await self.query("update notifier.deliveries set next_attempt_at = '-infinity' where state = 'pending'")


def counted(outcome: str, channel: str = EMAIL) -> float:
    """Return how many letters of all templates met `outcome` in this process so far."""
    samples = [s for metric in REGISTRY.collect() if metric.name == "notifications" for s in metric.samples if s.name.endswith("_total")]
    return sum(s.value for s in samples if s.labels["outcome"] == outcome and s.labels["channel"] == channel)


def counted_receipts(receipts: Sequence[Receipt]) -> dict[type[Receipt], int]:
    return dict(Counter(type(receipt) for receipt in receipts))


async def open_notifier(database_url: str, mail_dir: Path, **more: Any) -> Notifier:
    settings = NotifierSettings(database_url=database_url, kafka="127.0.0.1:1", mail_dir=mail_dir, **more)
    notifier = Notifier(app.build(settings), settings)
    for step in notifier.process.starting:
        await step()
    return notifier


async def close(notifier: Notifier) -> None:
    await notifier.process.producer.stop()
    await notifier.process.engine.dispose()


@pytest_asyncio.fixture
async def notifier(database_url: str, tmp_path: Path) -> AsyncIterator[Notifier]:
    opened = await open_notifier(database_url, tmp_path)
    yield opened
    await close(opened)


async def test_each_party_gets_one_letter_on_each_channel(notifier: Notifier) -> None:
    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created(), story.submitted())
    await notifier.delivers()
    await notifier.reads(story.accepted())
    await notifier.delivers()
    expected = ["accepted-customer", "accepted-provider", "created-customer", "requested-provider"]
    assert await notifier.letters() == [(template, 1) for template in expected]
    assert sorted(str(m["To"]) for m in notifier.mails()) == ["Hari <hari@example.com>"] * 2 + ["Sita Rai <sita@example.com>"] * 2


async def test_redelivery_and_a_group_reset_send_nothing(notifier: Notifier) -> None:
    story = Story()
    history = [story.created(), story.submitted(), story.accepted()]
    await notifier.reads(*story.people())
    await notifier.reads(*history)
    await notifier.reads(history[1], history[1])
    await notifier.delivers()
    before = (await notifier.letters(), len(await notifier.receipts()), counted("duplicate"))
    await notifier.reads(*history)
    await notifier.delivers()
    assert (await notifier.letters(), len(await notifier.receipts()), counted("duplicate")) == (*before[:2], before[2] + 4)


async def test_the_ledger_stays_silent_when_the_projection_is_built_anew(notifier: Notifier) -> None:
    story = Story()
    history = [story.created(), story.submitted()]
    await notifier.reads(*history)
    await notifier.query("truncate notifier.bookings")
    await notifier.reads(*story.people())
    await notifier.reads(*history)
    await notifier.delivers()
    assert await notifier.letters() == [("created-customer", 1), ("requested-provider", 1)]
    assert notifier.mails() == []


async def test_an_event_of_an_unknown_booking_is_buried_and_the_others_go_on(notifier: Notifier) -> None:
    known, unknown = Story(), Story()
    unknown.created()
    worker = notifier.worker("notifier.events")
    outcomes = await worker.settle([r for r in map(worker.read, (unknown.submitted(), known.created())) if isinstance(r, Received)])
    assert isinstance(outcomes[0], Burial)
    assert outcomes[0].reason == "orphan"
    assert outcomes[1] is Fate.HANDLED


async def test_somebody_unknown_or_inactive_is_told_in_the_app_only(notifier: Notifier) -> None:
    story = Story()
    await notifier.reads(person(story.provider, "Hari", email="hari@example.com", active=False))
    await notifier.reads(story.created(), story.submitted())
    await notifier.reads(*story.people())
    await notifier.delivers()
    assert await notifier.letters() == [("created-customer", 1), ("requested-provider", 1)]
    assert notifier.mails() == []


async def test_a_stale_request_is_suppressed(notifier: Notifier) -> None:
    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created(), story.submitted(), story.accepted())
    await notifier.delivers()
    assert ("requested-provider", 1) not in await notifier.letters()
    suppressed = [r for r in await notifier.receipts() if isinstance(r, NotificationSuppressed)]
    assert [(r.template, r.reason, r.attempt) for r in suppressed] == [("requested-provider", "stale", 1)] * 2


async def test_auto_cancel_letters_can_be_silenced_and_stay_so(notifier: Notifier, database_url: str) -> None:
    silent = await open_notifier(database_url, notifier.settings.mail_dir, auto_cancel_notification=False)
    story = Story()
    history = [story.created(), story.expired()]
    await silent.reads(*history)
    await notifier.reads(*history)
    await notifier.delivers()
    assert await notifier.letters() == [("created-customer", 1)]
    reasons = [(type(r), r.template, r.reason) for r in await notifier.receipts() if r.template.startswith("expired")]
    assert sorted(template for _, template, _ in reasons) == ["expired-customer", "expired-provider"]
    assert {(kind, reason) for kind, _, reason in reasons} == {(NotificationSuppressed, "auto-cancel-notification-off")}
    await close(silent)


async def test_auto_cancel_letters_go_out_by_default(notifier: Notifier) -> None:
    story = Story()
    await notifier.reads(story.created(), story.expired())
    await notifier.delivers()
    assert await notifier.letters() == [("created-customer", 1), ("expired-customer", 1), ("expired-provider", 1)]


async def test_a_receipt_says_what_became_of_whom_without_naming_anybody(notifier: Notifier) -> None:
    story = Story()
    event = story.created()
    await notifier.reads(*story.people())
    await notifier.reads(event)
    await notifier.round(EMAIL).run_once(NOW)
    event_id = dict(event.headers)["ce_id"].decode()
    (message,) = await notifier.waiting()
    assert (message.subject, message.causation_id, message.correlation_id) == (str(story.id), event_id, "request-7")
    assert (message.source, str(message.actor), message.time) == ("sewabazaar/notifier", "system:notifier", NOW)
    about = {"recipient": str(story.customer), "channel": EMAIL, "template": "created-customer", "attempt": 1}
    assert message.data == NotificationSent(event_id=event_id, reason=None, outcome_at=NOW, booking_version=1, **about)


async def test_an_erased_person_leaves_nothing_and_does_not_come_back(notifier: Notifier) -> None:
    story = Story()
    subject = f"person:{story.customer}"
    await notifier.reads(*story.people())
    await notifier.reads(story.created())
    await notifier.reads(
        record(Message(str(new_id()), "directory", subject, NOW, Actor("upstream", "directory"), PersonErased(id=story.customer)))
    )
    await notifier.reads(person(story.customer, "Sita Rai", email="sita@example.com", at=NOW + timedelta(days=1)))
    await notifier.delivers()
    assert notifier.mails() == []
    assert {(r.channel, r.reason) for r in await notifier.receipts()} == {(IN_APP, None), (EMAIL, "no-address")}
    assert await notifier.query(f"select name, email from notifier.people where id = '{story.customer}'") == [(None, None)]


async def test_a_tombstone_erases_too(notifier: Notifier) -> None:
    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(Record(DIRECTORY_EVENTS.name, 0, 0, 0, f"person:{story.customer}".encode(), None, ()))
    await notifier.reads(Record(DIRECTORY_EVENTS.name, 0, 0, 0, b"person:nobody", None, ()))
    assert await notifier.query("select name from notifier.people order by name") == [("Hari",), (None,)]


async def test_the_latest_word_about_a_person_counts_in_whatever_order_it_comes(notifier: Notifier) -> None:
    id_ = new_id()
    old, new = (person(id_, name, email=None, at=NOW + timedelta(hours=n)) for n, name in enumerate(("Sita Rai", "Sita Shah")))
    for batch in ([old], [new], [old], [new, old]):
        await notifier.reads(*batch)
    assert await notifier.query("select name from notifier.people") == [("Sita Shah",)]


async def test_two_rounds_at_once_share_the_letters(notifier: Notifier) -> None:
    """Both are sending when either may go on: neither waits for the other, and no letter is sent twice."""
    both_sending, sent = asyncio.Barrier(2), []

    async def transport(message: EmailMessage) -> None:
        await both_sending.wait()
        sent.append(message["Message-ID"])

    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created(), story.submitted())
    rounds = [notifier.round(EMAIL, transport=transport, at_once=1) for _ in range(2)]
    await asyncio.wait_for(asyncio.gather(*(r.run_once(NOW) for r in rounds)), 10)
    await notifier.delivers()
    assert len(set(sent)) == len(sent) == 2
    assert counted_receipts(await notifier.receipts()) == {NotificationSent: 4}


async def test_two_claims_never_take_the_same_letter(notifier: Notifier) -> None:
    await notifier.reads(Story().created())
    async with notifier.process.engine.begin() as one, notifier.process.engine.begin() as two:
        taken = [await store.claim(connection, IN_APP, 10, 60.0) for connection in (one, two)]
    async with notifier.process.engine.begin() as three:
        taken.append(await store.claim(three, IN_APP, 10, 60.0))
    assert [len(deliveries) for deliveries in taken] == [1, 0, 0]


async def test_an_attempt_that_was_overtaken_counts_for_nothing(notifier: Notifier) -> None:
    await notifier.reads(Story().created())
    slow = notifier.round(IN_APP)
    async with notifier.process.engine.begin() as connection:
        (delivery,) = await store.claim(connection, IN_APP, 10, 60.0)
    await notifier.passes()
    await notifier.delivers()
    await slow.mark([await slow.attempt(delivery)], NOW)
    assert await notifier.letters() == [("created-customer", 1)]
    assert [r.attempt for r in await notifier.receipts()] == [2]


async def test_a_crash_between_sending_and_marking_repeats_the_message_id(notifier: Notifier) -> None:
    sent: list[str] = []

    async def sends_and_dies(message: EmailMessage) -> None:
        sent.append(message["Message-ID"])
        raise asyncio.CancelledError

    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created())
    before = counted("ambiguous")
    with pytest.raises(asyncio.CancelledError):
        await notifier.round(EMAIL, transport=sends_and_dies).run_once(NOW)
    await notifier.delivers()
    assert notifier.mails() == []
    await notifier.passes()
    await notifier.delivers()
    assert [m["Message-ID"] for m in notifier.mails()] == sent
    assert counted("ambiguous") == before + 1


async def test_a_slow_channel_does_not_delay_the_others(notifier: Notifier) -> None:
    sending = asyncio.Event()

    async def never_ends(_message: EmailMessage) -> None:
        sending.set()
        await asyncio.Event().wait()

    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created())
    slow = asyncio.create_task(notifier.round(EMAIL, transport=never_ends).run_once(NOW))
    await asyncio.wait_for(sending.wait(), 10)
    await notifier.round(IN_APP).run_once(NOW)
    assert await notifier.letters() == [("created-customer", 1)]
    slow.cancel()
    await asyncio.wait([slow])


@dataclass
class MailServer:
    """A mail server that answers what it is told to."""

    recipient_answer: str = "250 OK"
    data_answer: str = "250 OK"
    inbox: list[bytes] = field(default_factory=list)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if self.recipient_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_answer.startswith("250"):
            self.inbox.append(envelope.content)  # type: ignore[arg-type]
        return self.data_answer


@dataclass
class Posted:
    """A notifier that sends to a real mail server, with one letter due."""

    notifier: Notifier
    server: MailServer

    async def state(self) -> list[tuple[Any, ...]]:
        return await self.notifier.query("select state, attempts, reason from notifier.deliveries where channel = 'email'")


@pytest_asyncio.fixture
async def posted(database_url: str, tmp_path: Path) -> AsyncIterator[Posted]:
    server = MailServer()
    listener = await asyncio.get_running_loop().create_server(lambda: SMTP(server, hostname="test"), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    notifier = await open_notifier(database_url, tmp_path, smtp_url=f"smtp://127.0.0.1:{port}")
    story = Story()
    await notifier.reads(*story.people())
    await notifier.reads(story.created())
    yield Posted(notifier, server)
    await close(notifier)
    listener.close()
    await listener.wait_closed()


async def test_a_mail_server_gets_the_letter(posted: Posted) -> None:
    await posted.notifier.delivers()
    (content,) = posted.server.inbox
    message = message_from_bytes(content, EmailMessage, policy=default)  # type: ignore[arg-type]
    assert message["To"] == "Sita Rai <sita@example.com>"
    assert message["Subject"] == "Booking received: plumbing on Sat 17 Oct 2026, 10:00"
    assert await posted.state() == [("sent", 1, None)]


async def test_a_mail_server_in_trouble_is_tried_again_later(posted: Posted) -> None:
    posted.server.data_answer = "451 sita@example.com: come back later"
    before = counted("retried")
    await posted.notifier.delivers()
    await posted.notifier.delivers()
    assert (await posted.state(), counted("retried")) == ([("pending", 1, "smtp-451")], before + 1)
    assert await posted.notifier.query(
        "select next_attempt_at between clock_timestamp() + '1 s' and clock_timestamp() + '5 s' from notifier.deliveries where channel = 'email'"
    ) == [(True,)]
    posted.server.data_answer = "250 OK"
    await posted.notifier.passes()
    await posted.notifier.delivers()
    assert (await posted.state(), len(posted.server.inbox)) == ([("sent", 2, None)], 1)


async def test_an_address_that_the_mail_server_refuses_fails_at_once(posted: Posted) -> None:
    posted.server.recipient_answer = "550 sita@example.com: no such user"
    await posted.notifier.delivers()
    assert await posted.state() == [("failed", 1, "smtp-550")]
    failed = [r for r in await posted.notifier.receipts() if isinstance(r, NotificationFailed)]
    assert [(r.channel, r.attempt, r.reason) for r in failed] == [(EMAIL, 1, "smtp-550")]


async def test_the_last_attempt_fails_with_the_only_receipt(posted: Posted) -> None:
    posted.server.data_answer = "451 later"
    for _ in range(ATTEMPTS):
        assert [r for r in await posted.notifier.receipts() if r.channel == EMAIL] == []
        await posted.notifier.passes()
        await posted.notifier.delivers()
    assert await posted.state() == [("failed", ATTEMPTS, "smtp-451")]
    assert counted_receipts(await posted.notifier.receipts()) == {NotificationSent: 1, NotificationFailed: 1}
