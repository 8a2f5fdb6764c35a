"""One process of a service: it owns its slot, tells how it is, shares the work, and stops when it must not go on."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.topics import BOOKING_EVENTS
from services.booking import handlers
from services.booking.app import build
from services.booking.handlers import GROUP
from services.booking.settings import BookingSettings
from services.runtime import health, process as module
from services.runtime.db import Lock, open_direct_engine
from services.runtime.errors import SlotTaken, StartFailed
from services.runtime.kafka import open_producer
from services.runtime.process import Process
from tests.builders import UPSTREAM, accept, bookings, cancel, create
from tests.eventually import aeventually
from tests.integration.booking_process import COMMANDS, is_ready, running, send, settings_of
from tests.integration.booking_service import Service, opened
from tests.integration.kafka_tap import tapped
from tests.payment_facts import CARD, authorized


@pytest.fixture
def settings(environment: dict[str, str]) -> BookingSettings:
    return settings_of(environment)


@pytest.fixture
async def service(settings: BookingSettings) -> AsyncIterator[Service]:
    async with opened(settings.database_url) as service:
        yield service


@pytest.fixture
async def producer(settings: BookingSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = open_producer(settings.kafka, "shop")
    await producer.start()
    yield producer
    await producer.stop()


async def page(settings: BookingSettings, path: str) -> tuple[int, str]:
    """Status and body of a page of the process's own port."""

    def get() -> tuple[int, str]:
        with closing(HTTPConnection(settings.host, settings.port + settings.slot, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    return await asyncio.to_thread(get)


async def ready(process: Process) -> None:
    await aeventually(lambda: is_ready(process), within=30)


async def test_commands_go_in_and_events_come_out(settings: BookingSettings, service: Service, producer: AIOKafkaProducer) -> None:
    (booking,) = bookings(1)
    async with tapped(settings.kafka, BOOKING_EVENTS.name) as events, running(settings):
        await send(producer, create(booking), accept(booking), cancel(booking))
        await events.read(4)
        assert events.versions() == {str(booking).encode(): [1, 2, 3, 4]}

        async def published() -> bool:
            return await service.rows("select position from booking.outbox") == []

        await aeventually(published)


async def test_payment_facts_go_in_too(settings: BookingSettings, service: Service, producer: AIOKafkaProducer) -> None:
    (booking,) = bookings(1)
    async with tapped(settings.kafka, BOOKING_EVENTS.name) as events, running(settings):
        await send(
            producer, replace(authorized(booking), source="shop", actor=UPSTREAM), create(booking, prepaid=True, payment_method=CARD)
        )
        await events.read(3)
    assert await service.events() == ["BookingCreated", "PaymentRecorded", "BookingSubmitted"]


async def test_a_process_tells_that_it_lives_is_ready_and_how_much_is_left(settings: BookingSettings, producer: AIOKafkaProducer) -> None:
    await send(producer, create(bookings(1)[0]))
    async with running(settings) as process:
        await ready(process)
        assert await page(settings, "/health/live") == (200, '{"status":"live"}')
        assert await page(settings, "/health/ready") == (200, '{"status": "ready"}')
        status, metrics = await page(settings, "/metrics")
        assert (status, (await page(settings, "/elsewhere"))[0]) == (200, 404)
        await aeventually(nothing_is_left)
        assert await aeventually(partial(shows, settings, 'booking_status{status="pending"} 1.0'))
    assert 'commands_total{outcome="handled",type="CreateBooking"}' in metrics
    assert REGISTRY.get_sample_value("booking_status", {"status": "pending"}) is None


async def shows(settings: BookingSettings, line: str) -> bool:
    return line in (await page(settings, "/metrics"))[1].splitlines()


async def nothing_is_left() -> bool:
    return REGISTRY.get_sample_value("consumer_lag", {"topic": COMMANDS, "group": GROUP}) == 0.0


async def test_a_process_that_gets_nowhere_is_not_ready_and_says_where(
    settings: BookingSettings, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STALE_AFTER", 1.5)
    monkeypatch.setattr(handlers, "settle", fail)
    await send(producer, create(bookings(1)[0]))

    async def waits_for() -> bool:
        status, body = await page(settings, "/health/ready")
        return status == 503 and body == '{"status": "waiting", "waiting_for": ["booking.commands"]}'

    async with running(settings):
        await aeventually(waits_for, within=30)


async def fail(*_: object, **__: object) -> list[object]:
    raise OSError("no route")


async def test_a_second_process_in_the_slot_does_not_start(settings: BookingSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOT_TRIES", 1)
    async with running(settings) as first:
        await ready(first)
        second = build(settings.model_copy(update={"port": settings.port + 1}))
        refused = pytest.raises(SlotTaken, match="another process runs booking in slot 0: give this one a SEWA_SLOT of its own")
        with capture_logs() as lines, refused:
            await asyncio.wait_for(second.run(), 30)
        assert "started" not in {line["event"] for line in lines}
        assert not first.stopping.is_set()


async def test_a_process_that_waits_for_its_slot_takes_it_when_it_is_free(settings: BookingSettings) -> None:
    engine = open_direct_engine(settings.database_url, name="test")
    held = Lock(engine, "booking:slot:0")
    assert await held.take()
    async with running(settings) as process:
        await aeventually(lambda: page(settings, "/health/live"))
        await held.release()
        await ready(process)


async def test_a_process_that_waits_for_its_slot_can_be_stopped(settings: BookingSettings) -> None:
    held = Lock(open_direct_engine(settings.database_url, name="test"), "booking:slot:0")
    assert await held.take()
    async with asyncio.timeout(10), running(settings):
        await aeventually(lambda: page(settings, "/health/live"))
    await held.release()


CUT_LOCKS = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sewa-booking-0-lock'"


async def test_a_process_whose_slot_went_to_another_stops(
    settings: BookingSettings, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOT_EVERY", 0.2)
    process = build(settings)
    running = asyncio.create_task(process.run())
    await ready(process)
    await service.eye.execute(CUT_LOCKS)
    await service.eye.execute("select pg_advisory_lock(hashtextextended('booking:slot:0', 0))")
    with pytest.raises(SlotTaken):
        await asyncio.wait_for(running, 30)


async def test_a_process_whose_locks_were_cut_takes_them_again_and_goes_on(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOT_EVERY", 0.2)
    async with tapped(settings.kafka, BOOKING_EVENTS.name) as events, running(settings) as process:
        await ready(process)
        await service.eye.execute(CUT_LOCKS)
        await send(producer, create(bookings(1)[0]))
        await events.read(2)
        assert not process.stopping.is_set()


async def test_two_slots_share_the_work_and_repeat_nothing(settings: BookingSettings, service: Service, producer: AIOKafkaProducer) -> None:
    ids = bookings(30)
    second = settings.model_copy(update={"slot": 1})
    async with tapped(settings.kafka, BOOKING_EVENTS.name) as events, running(settings) as one, running(second) as two:
        await ready(one)
        await ready(two)
        for message in (make(booking) for make in (create, cancel) for booking in ids):
            await producer.send(COMMANDS, message.value(), message.key(), headers=message.headers())
        await events.read(90)
    assert events.versions() == {str(booking).encode(): [1, 2, 3] for booking in ids}
    assert len(await service.events()) == 90


async def test_a_taken_port_stops_the_start_and_names_the_setting(settings: BookingSettings) -> None:
    taken = socket.create_server((settings.host, settings.port))
    with taken, pytest.raises(StartFailed, match=rf"port {settings.port} on 127.0.0.1 is taken .*: set SEWA_BOOKING_PORT"):
        await asyncio.wait_for(build(settings).run(), 30)


async def test_a_database_without_the_schema_stops_the_start(settings: BookingSettings, postgres_url: str) -> None:
    with pytest.raises(StartFailed, match="the database's schema booking is at revision none"):
        await asyncio.wait_for(build(settings.model_copy(update={"database_url": postgres_url})).run(), 30)
