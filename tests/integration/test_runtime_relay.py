"""The outbox reaches Kafka whole and in order per key, whatever breaks between sending and forgetting."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, NotLeaderForPartitionError
from prometheus_client import REGISTRY

from contracts.topics import BOOKING_EVENTS, BOOKING_REJECTIONS
from services.booking import store
from services.runtime import outbox, relay as module
from services.runtime.db import Lock, open_direct_engine
from services.runtime.kafka import open_producer
from services.runtime.loops import led
from services.runtime.outbox import Outgoing
from services.runtime.relay import Relay
from tests.builders import NOW, accept, bookings, cancel, create
from tests.integration.booking_service import Service, opened
from tests.integration.kafka_tap import Tap, tapped

EVENTS, REJECTIONS = BOOKING_EVENTS.name, BOOKING_REJECTIONS.name
OVERSIZED = b"x" * (4 * 1024 * 1024)


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = open_producer(kafka, "test")
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def tap(kafka: str) -> AsyncIterator[Tap]:
    async with tapped(kafka, EVENTS, REJECTIONS) as tap:
        yield tap


async def round_of(service: Service, producer: Any, batch: int = 500) -> bool:
    """One round of the relay."""
    async with service.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        return await Relay("booking", producer, store.waiting, batch).run_once(connection, NOW)


async def lived(service: Service, number: int) -> list[bytes]:
    """Bookings with four events each, in three batches; their keys."""
    ids = bookings(number)
    for asked in (create, accept, cancel):
        assert set(await service.settle(*(asked(b, **_own(asked, n)) for n, b in enumerate(ids)))) == {"handled"}
    return [str(booking).encode() for booking in ids]


def _own(asked: object, n: int) -> dict[str, Any]:
    return {"booking_date": NOW.replace(year=2027, month=1 + n // 24 % 12, hour=n % 24)} if asked is create else {}


async def pending(service: Service) -> list[int]:
    return [position for (position,) in await service.rows("select position from booking.outbox order by position")]


async def queue(service: Service, *rows: tuple[bytes, bytes]) -> None:
    """Queue rows that carry their own payload."""
    async with service.engine.begin() as connection:
        await outbox.append(connection, "booking", [Outgoing(0, REJECTIONS, key, [("n", b"1")], value) for key, value in rows])


async def test_events_arrive_in_order_per_booking_and_are_forgotten(service: Service, producer: AIOKafkaProducer, tap: Tap) -> None:
    keys = await lived(service, 20)
    while await round_of(service, producer, batch=30):
        pass
    await tap.read(80)
    assert tap.versions() == {key: [1, 2, 3, 4] for key in keys}
    assert await pending(service) == []


async def test_a_booking_stays_on_one_partition(service: Service, producer: AIOKafkaProducer, tap: Tap) -> None:
    keys = await lived(service, 12)
    await round_of(service, producer)
    places = {(record.key, record.partition) for record in await tap.read(48)}
    assert len(places) == len(keys)
    assert len({partition for _, partition in places}) > 1


async def test_a_full_batch_says_that_there_may_be_more(service: Service, producer: AIOKafkaProducer) -> None:
    await queue(service, *((b"k", b"%d" % n) for n in range(5)))
    assert [await round_of(service, producer, batch=2) for _ in range(4)] == [True, True, False, False]
    assert await pending(service) == []


async def test_a_row_that_commits_late_is_not_passed_over(service: Service, producer: AIOKafkaProducer, tap: Tap) -> None:
    early = Outgoing(0, REJECTIONS, b"early", [], b"1")
    async with service.engine.connect() as slow, slow.begin():
        await outbox.append(slow, "booking", [early])
        await queue(service, (b"late", b"2"))
        await round_of(service, producer)
        await slow.commit()
    await round_of(service, producer)
    assert {record.key for record in await tap.read(2)} == {b"early", b"late"}
    assert await pending(service) == []


async def test_keys_headers_and_tombstones_arrive_as_they_were(service: Service, producer: AIOKafkaProducer, tap: Tap) -> None:
    headers = [("a", b"1"), ("odd", None), ("raw", b"\xff\xfe"), ("a", b"2")]
    rows = [Outgoing(0, REJECTIONS, key, headers, value) for key, value in ((None, b"v"), (b"\xff", b"\x00\xff"), (b"k", None))]
    async with service.engine.begin() as connection:
        await outbox.append(connection, "booking", rows)
    await round_of(service, producer)
    records = await tap.read(3)
    assert {(r.key, r.value) for r in records} == {(None, b"v"), (b"\xff", b"\x00\xff"), (b"k", None)}
    assert {r.headers for r in records} == {tuple(headers)}


async def test_an_oversized_row_holds_only_the_rows_of_its_key(service: Service, producer: AIOKafkaProducer, tap: Tap) -> None:
    await queue(service, (b"fat", b"first"), (b"fat", OVERSIZED), (b"fat", b"last"), (b"other", b"1"), (b"other", b"2"))
    assert not await round_of(service, producer)
    assert [r.value for r in await tap.read(2, key=b"other")] == [b"1", b"2"]
    assert (len(await pending(service)), held()) == (2, 1)
    await service.eye.execute("delete from booking.outbox where length(value) > 1000")
    await round_of(service, producer)
    assert [r.value for r in await tap.read(2, key=b"fat")] == [b"first", b"last"]
    assert (await pending(service), held()) == ([], 0)


async def test_nothing_is_held_any_more_once_the_oversized_row_is_gone(service: Service, producer: AIOKafkaProducer) -> None:
    await queue(service, (b"fat", OVERSIZED))
    await round_of(service, producer)
    await service.eye.execute("delete from booking.outbox")
    assert held() == 1
    await round_of(service, producer)
    assert held() == 0


def held() -> float | None:
    return REGISTRY.get_sample_value("outbox_held")


class Faulty:
    """A producer with an answer for each row in turn: it arrived, it failed, or nothing is heard of it."""

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)

    async def send(self, *_: object, **__: object) -> asyncio.Future[object]:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer == "arrived":
            future.set_result(None)
        return future


async def test_rows_are_forgotten_only_when_kafka_has_them(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_SECONDS", 0.05)
    await queue(service, (b"a", b"1"), (b"b", b"2"), (b"c", b"3"))
    _, second, third = await pending(service)
    with pytest.raises(NotLeaderForPartitionError):
        await round_of(service, Faulty("arrived", NotLeaderForPartitionError(), "silence"))
    assert await pending(service) == [second, third]
    with pytest.raises(KafkaError, match="no acknowledgement in time"):
        await round_of(service, Faulty("arrived", "silence"))
    assert await pending(service) == [third]


async def test_a_crash_before_forgetting_repeats_and_never_reorders(
    service: Service, producer: AIOKafkaProducer, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = await lived(service, 5)

    async def crash(*_: object) -> None:
        raise ConnectionResetError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(module, "acknowledge", crash)
        with pytest.raises(ConnectionResetError):
            await round_of(service, producer, batch=13)
    while await round_of(service, producer, batch=7):
        pass
    await tap.read(33)
    assert {key: list(dict.fromkeys(seen)) for key, seen in tap.versions().items()} == {key: [1, 2, 3, 4] for key in keys}
    assert len({dict(r.headers)["ce_id"] for r in tap.seen}) == 20


async def test_of_two_relays_one_leads_until_it_lets_go(service: Service, producer: AIOKafkaProducer, database_url: str, tap: Tap) -> None:
    direct = open_direct_engine(database_url, name="test")
    locks = [Lock(direct, "booking:relay") for _ in range(2)]
    one, other = (led(lock, Relay("booking", producer, store.waiting, 3).run_once) for lock in locks)
    keys = await lived(service, 3)
    assert await one(NOW)
    assert not await other(NOW)
    assert len(await pending(service)) == 9
    await locks[0].release()
    while await other(NOW):
        assert not await one(NOW)
    await locks[1].release()
    await tap.read(12)
    assert tap.versions() == {key: [1, 2, 3, 4] for key in keys}


async def test_a_relay_whose_round_fails_lets_another_lead(service: Service, database_url: str) -> None:
    direct = open_direct_engine(database_url, name="test")
    locks = [Lock(direct, "booking:relay") for _ in range(2)]
    await queue(service, (b"a", b"1"))
    with pytest.raises(NotLeaderForPartitionError):
        await led(locks[0], Relay("booking", Faulty(NotLeaderForPartitionError()), store.waiting).run_once)(NOW)
    assert await locks[1].take() is not None
    await locks[1].release()


async def test_the_backlog_counts_rows_and_the_age_of_the_oldest(service: Service) -> None:
    async def measured() -> outbox.Backlog:
        async with service.engine.connect() as connection:
            return await outbox.backlog(connection, "booking")

    assert await measured() == outbox.Backlog(0, 0.0)
    await queue(service, (b"a", b"1"), (b"b", b"2"))
    await service.eye.execute("update booking.outbox set queued_at = queued_at - interval '90 s' where key = 'a'")
    backlog = await measured()
    assert backlog.pending == 2
    assert 90 <= backlog.oldest_seconds < 150
