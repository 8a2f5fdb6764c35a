"""The composed expiry service on a real broker: events in, commands out, answers back, and the run by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from contracts.commands import ExpireBooking
from contracts.events import Event
from contracts.ids import new_id
from contracts.message import Message
from contracts.topics import BOOKING_COMMANDS, DEADLINE_EVENTS
from contracts.values import Contract
from services.expiry.app import build
from services.expiry.errors import AutoCancelDisabled
from services.expiry.manual import run_now
from services.expiry.settings import ExpirySettings
from services.runtime.kafka import open_producer
from services.runtime.outbox import Outgoing, outgoing
from services.runtime.process import Process
from tests.eventually import aeventually
from tests.integration.expiry_history import DAY, HOUR, Expiry, expired, read, rejected, requested
from tests.integration.kafka_tap import tapped
from tests.servers import free_ports

Answer = Callable[[Message[ExpireBooking]], Message[Contract]]


@pytest.fixture
def settings(database_url: str, clean_kafka: str) -> ExpirySettings:
    return ExpirySettings(database_url=database_url, kafka=clean_kafka, port=free_ports(1)[0])


@asynccontextmanager
async def running(settings: ExpirySettings) -> AsyncIterator[Process]:
    """The service, started and at last drained."""
    process = build(settings)
    task = asyncio.create_task(process.run())
    try:
        await aeventually(lambda: ready(process), within=30)
        yield process
    finally:
        process.stopping.set()
        await task


async def ready(process: Process) -> bool:
    return not process.health.stale()


class Broker:
    """The other services: it tells what happens to bookings, and hears what is asked."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._producer, self._consumer = producer, consumer
        self.asked: list[Message[ExpireBooking]] = []

    async def tell(self, *messages: Message[Contract]) -> None:
        for message in messages:
            sent = outgoing(message)
            await self._producer.send_and_wait(sent.topic, sent.value, sent.key, headers=list(sent.headers))

    async def commands(self, *bookings: UUID) -> list[Message[ExpireBooking]]:
        """What was asked about these bookings so far."""
        for records in (await self._consumer.getmany(timeout_ms=50)).values():
            raw: Any
            for raw in records:
                self.asked.append(read(Outgoing(0, raw.topic, raw.key, raw.headers, raw.value)))  # type: ignore[arg-type]
        return [command for command in self.asked if UUID(command.subject) in bookings]


@pytest.fixture
async def broker(clean_kafka: str) -> AsyncIterator[Broker]:
    producer = open_producer(clean_kafka, "test")
    consumer = AIOKafkaConsumer(BOOKING_COMMANDS.name, bootstrap_servers=clean_kafka, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    yield Broker(producer, consumer)
    await consumer.stop()
    await producer.stop()


def lapsed(booking: UUID) -> list[Message[Event]]:
    """A request whose deadline passed an hour ago."""
    return requested(booking, datetime.now(UTC) - DAY - HOUR)


async def has_deadline(process: Process, *bookings: UUID) -> bool:
    return all([(await Expiry(process.engine).entry(booking)).expires_at for booking in bookings])


async def test_a_lapsed_booking_is_asked_to_be_cancelled(settings: ExpirySettings, broker: Broker) -> None:
    booking = new_id()
    async with running(settings) as process:
        await broker.tell(*lapsed(booking))
        (command,) = await aeventually(partial(broker.commands, booking), within=3)
        await broker.tell(expired(booking, 3, command.data.expires_at, datetime.now(UTC)))

        async def closed() -> bool:
            return not await has_deadline(process, booking)

        assert await aeventually(closed)
    assert len(await broker.commands(booking)) == 1


async def test_a_rejection_as_stale_brings_the_command_again_at_once(settings: ExpirySettings, broker: Broker) -> None:
    booking = new_id()
    async with running(settings):
        await broker.tell(*lapsed(booking))
        (command,) = await aeventually(partial(broker.commands, booking))
        await broker.tell(rejected(command, "stale-command"))

        async def again() -> bool:
            return len({c.id for c in await broker.commands(booking)}) == 2

        assert await aeventually(again, within=5)


async def test_a_request_is_reminded_of_at_its_instant(settings: ExpirySettings, broker: Broker) -> None:
    booking, now = new_id(), datetime.now(UTC)
    lapses_at = now + 2 * HOUR + timedelta(seconds=3)
    async with running(settings), tapped(settings.kafka, DEADLINE_EVENTS.name) as tap:
        await broker.tell(*(replace(event, time=now) for event in requested(booking, lapses_at - DAY)))
        (raw,) = await tap.read(1, key=str(booking).encode(), within=8)
    message: Any = read(Outgoing(0, raw.topic, raw.key, raw.headers, raw.value))
    assert (message.data.hours_before, message.data.expires_at, message.data.expected_version) == (2, lapses_at, 2)
    assert message.time >= lapses_at - 2 * HOUR


async def test_while_disabled_the_index_is_kept_and_nothing_is_asked(settings: ExpirySettings, broker: Broker) -> None:
    booking, disabled = new_id(), settings.model_copy(update={"enabled": False})
    async with running(disabled) as process:
        await broker.tell(*lapsed(booking))
        assert await aeventually(partial(has_deadline, process, booking))
        assert not {"scan", "remind"} & process.health.beats.keys()
    assert [d.booking for d in (await run_now(disabled, dry_run=True)).due] == [booking]
    with pytest.raises(AutoCancelDisabled, match="AUTO_CANCEL_ENABLED"):
        await run_now(disabled, dry_run=False)
    assert await broker.commands(booking) == []


@asynccontextmanager
async def answering(broker: Broker, answers: Mapping[UUID, Answer]) -> AsyncIterator[None]:
    """A booking service that gives these answers, and none to other commands."""

    async def answer() -> None:
        given: set[str] = set()
        while True:
            for command in await broker.commands(*answers):
                if command.id not in given:
                    given.add(command.id)
                    await broker.tell(answers[UUID(command.subject)](command))

    task = asyncio.create_task(answer())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def cancels(command: Message[ExpireBooking]) -> Message[Contract]:
    return expired(UUID(command.subject), 3, command.data.expires_at)


def refuses(command: Message[ExpireBooking]) -> Message[Contract]:
    return rejected(command, "invalid-transition")


async def test_a_run_by_hand_waits_for_every_answer(settings: ExpirySettings, broker: Broker) -> None:
    bookings = sorted(new_id() for _ in range(6))
    by_hand = settings.model_copy(update={"scan_seconds": 86400, "in_flight": 2})
    answers = {**dict.fromkeys(bookings[:4], cancels), bookings[4]: refuses}
    changes: list[dict[str, int]] = []
    async with running(by_hand) as process, answering(broker, answers):
        await broker.tell(*(e for booking in bookings for e in lapsed(booking)))
        await aeventually(partial(has_deadline, process, *bookings))
        summary = await run_now(by_hand, dry_run=False, patience=2, progress=lambda s: changes.append(s.counts))
    assert [d.booking for d in summary.due] == bookings
    assert summary.counts == changes[-1] == {"found": 6, "emitted": 6, "cancelled": 4, "rejected": 1, "unanswered": 1}


async def test_a_dry_run_changes_nothing(settings: ExpirySettings, broker: Broker) -> None:
    booking, watching = new_id(), settings.model_copy(update={"enabled": False})
    async with running(watching) as process:
        await broker.tell(*lapsed(booking))
        await aeventually(partial(has_deadline, process, booking))
        summary = await run_now(watching, dry_run=True)
        assert [(d.booking, d.status, d.category) for d in summary.due] == [(booking, "pending", "plumbing")]
        assert summary.counts == {"found": 1, "emitted": 0, "cancelled": 0, "rejected": 0, "unanswered": 0}
        assert await Expiry(process.engine).unanswered() == 0
