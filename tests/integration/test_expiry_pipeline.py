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
from services.expiry.answers import Tally
from services.expiry.app import build
from services.expiry.reports import AutoCancelDisabled, FullReport, RunRequest, approve, report, start
from services.expiry.settings import ExpirySettings
from services.runtime.kafka import open_producer
from services.runtime.outbox import Outgoing, outgoing
from services.runtime.process import Process
from tests.eventually import aeventually
from tests.integration.expiry_history import ADMIN, DAY, HOUR, Expiry, expired, read, rejected, requested
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
        with pytest.raises(AutoCancelDisabled, match="AUTO_CANCEL_ENABLED"):
            await asked(process, disabled, RunRequest())
    assert await broker.commands(booking) == []


async def asked(process: Process, settings: ExpirySettings, request: RunRequest) -> UUID:
    """A run that an admin asks for right now."""
    async with process.engine.begin() as connection:
        return (await start(connection, settings, request, ADMIN, datetime.now(UTC))).run


async def ended(process: Process, run: UUID) -> FullReport | None:
    """How a run ended, once it has."""
    async with process.engine.connect() as connection:
        found = await report(connection, run)
    return found if found.status in {"done", "failed"} else None


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


async def test_a_run_by_hand_gets_every_answer(settings: ExpirySettings, broker: Broker) -> None:
    bookings = sorted(new_id() for _ in range(6))
    by_hand = settings.model_copy(update={"enabled": False, "in_flight": 2})
    forced = RunRequest(force=True, reason="a run for a test")
    async with running(by_hand) as process, answering(broker, {**dict.fromkeys(bookings[:5], cancels), bookings[5]: refuses}):
        await broker.tell(*(e for booking in bookings for e in lapsed(booking)))
        await aeventually(partial(has_deadline, process, *bookings))
        run = await asked(process, by_hand, forced)
        found = await aeventually(partial(ended, process, run))
        assert found
    assert ([r.booking for r in found.results], found.counts) == (bookings, Tally(found=6, cancelled=5, rejected=1))
    assert {command.data.scan_id for command in broker.asked} == {run}


async def test_a_held_scan_is_published_once_and_approved_after_a_restart(settings: ExpirySettings, broker: Broker) -> None:
    bookings = [new_id() for _ in range(3)]
    guarded = settings.model_copy(update={"breaker_max": 2})
    async with tapped(settings.kafka, DEADLINE_EVENTS.name) as tap:
        async with running(settings.model_copy(update={"enabled": False})) as process:
            await broker.tell(*(e for booking in bookings for e in lapsed(booking)))
            await aeventually(partial(has_deadline, process, *bookings))
        async with running(guarded):
            (raw,) = await tap.read(1)
        held: Any = read(Outgoing(0, raw.topic, raw.key, raw.headers, raw.value))
        assert (raw.key.decode(), held.data.found, held.data.limit) == (str(held.data.scan_id), 3, 2)
        async with running(guarded) as process, answering(broker, dict.fromkeys(bookings, cancels)):
            async with process.engine.begin() as connection:
                await approve(connection, guarded, held.data.scan_id, ADMIN, datetime.now(UTC))
            found = await aeventually(partial(ended, process, held.data.scan_id))
            assert found
    assert (found.counts.cancelled, {c.data.scan_id for c in broker.asked}) == (3, {held.data.scan_id})
