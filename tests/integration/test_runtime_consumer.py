"""Acknowledgement on a real broker: every record meets its fate, and no offset is committed before that is certain."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.topics import BOOKING_EVENTS, DEAD_LETTERS
from services.booking import fold, handlers
from services.booking.app import build
from services.booking.lifecycle import unfold
from services.booking.settings import BookingSettings
from services.runtime.consumer import Consumer
from services.runtime.errors import OffsetsLost
from services.runtime.kafka import open_producer
from services.runtime.outcomes import Outcome, Received, Record
from tests.builders import accept, bookings, cancel, create, record
from tests.eventually import aeventually
from tests.integration.booking_process import FIRST, comes_to, committed, is_ready, running, send, settings_of
from tests.integration.booking_service import Service, opened
from tests.integration.kafka_tap import Tap, tapped
from tests.odd_names import Name, send_as_they_are

settle = handlers.settle


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


@pytest.fixture
async def letters(settings: BookingSettings) -> AsyncIterator[Tap]:
    async with tapped(settings.kafka, DEAD_LETTERS.name) as tap:
        yield tap


def with_header(carrier: Record, name: str, *values: bytes | None) -> Record:
    """The record with this header replaced; without any value, without it."""
    return replace(carrier, headers=(*(h for h in carrier.headers if h[0] != name), *((name, value) for value in values)))


def odd_records() -> list[tuple[str, Record]]:
    """Records that nobody can act on, one for each way, and why."""
    good, elsewhere = record(create(bookings(1)[0])), str(uuid4()).encode()
    used = create(bookings(1)[0])
    return [
        ("too-large", replace(good, value=b'"' + b"x" * 70_000 + b'"')),
        ("too-large", with_header(good, "more", b"x" * 17_000)),
        ("null-value", replace(good, value=None)),
        ("missing-key", replace(good, key=None)),
        ("missing-key", replace(good, key=b"")),
        ("schema", with_header(good, "ce_id", None)),
        ("schema", with_header(good, "ce_id", b"\xff\xfe")),
        ("schema", with_header(good, "ce_actor")),
        ("schema", with_header(good, "ce_type", b"sewabazaar.CreateBooking.v1", b"again")),
        ("schema", replace(good, headers=())),
        ("schema", replace(good, value=b"{}")),
        ("key-mismatch", replace(good, key=b"\xff")),
        ("unknown-type", with_header(good, "ce_type", b"sewabazaar.DanceBooking.v1")),
        ("unknown-version", with_header(good, "ce_type", b"sewabazaar.CreateBooking.v2")),
        ("actor-not-allowed", with_header(good, "ce_actor", b"system:expiry")),
        ("bad-id", replace(with_header(good, "ce_subject", elsewhere), key=elsewhere)),
        ("bad-encoding", replace(good, value=b'{"a": "\xff"}')),
        ("too-deep", replace(good, value=b"[" * 65 + b"]" * 65)),
        ("bad-json", replace(good, value=b"{not json")),
        ("bad-json", replace(good, value=b'{"a": NaN}')),
        ("bad-json", replace(good, value=b"")),
        ("handled", record(used)),
        ("equivocation", record(replace(create(UUID(used.subject)), id=used.id, actor=Actor("upstream", "shop")))),
    ]


async def test_every_odd_record_arrives_and_is_buried_with_its_reason_and_the_rest_is_applied(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, letters: Tap
) -> None:
    odd, ids = odd_records(), bookings(5)
    await send(producer, create(ids[0]), *(r for _, r in odd[:9]), create(ids[1]), *(r for _, r in odd[9:]), *map(create, ids[2:]))
    buried = [(reason, r) for reason, r in odd if reason != "handled"]
    async with running(settings):
        await comes_to(settings.kafka, len(odd) + len(ids))
        found = sorted(await letters.read(len(buried)), key=lambda letter: int(told(letter)["x-src-offset"]))
    assert [told(letter)["x-dlq-reason"] for letter in found] == [reason for reason, _ in buried]
    assert [(letter.key, letter.headers[: len(r.headers)]) for letter, (_, r) in zip(found, buried, strict=True)] == [
        (r.key, r.headers) for _, r in buried
    ]
    assert [letter.value for letter in found[1:]] == [r.value for _, r in buried[1:]]
    assert [await service.status(booking) for booking in ids] == [("pending", 2)] * 5


async def test_header_names_that_are_no_text_or_hold_a_nul_keep_nothing_from_being_applied(
    settings: BookingSettings, service: Service, letters: Tap
) -> None:
    ids = bookings(4)
    odd = [with_header(record(create(booking)), name, b"x") for booking, name in zip(ids, (Name(b"\xff\xfe"), "a\0b"), strict=False)]
    early = with_header(record(accept(ids[2])), "a\0b", b"x")
    async with running(settings):
        await send_as_they_are(settings.kafka, [early])
        await comes_to(settings.kafka, 1)
        await send_as_they_are(settings.kafka, [*odd, replace(odd[0], value=b"{not json"), *map(record, map(create, ids[2:]))])
        (letter,) = await letters.read(1)
        await comes_to(settings.kafka, 6)
    assert (told(letter)["x-dlq-reason"], dict(letter.headers)[r"\xff\xfe"]) == ("bad-json", b"x")
    assert [await service.status(booking) for booking in ids] == [("pending", 2), ("pending", 2), ("confirmed", 3), ("pending", 2)]


def told(letter: Any) -> dict[str, str]:
    """What was added to the original's headers."""
    return {name: value.decode() for name, value in letter.headers if name.startswith("x-")}


async def test_a_letter_says_where_the_original_stood(settings: BookingSettings, producer: AIOKafkaProducer, letters: Tap) -> None:
    await send(producer, create(bookings(1)[0]), replace(record(create(bookings(1)[0])), value=b"{not json"))
    async with running(settings):
        (letter,) = await letters.read(1)
    origin = {name: value for name, value in told(letter).items() if name.startswith("x-src") or name == "x-consumer-group"}
    assert int(origin.pop("x-src-timestamp")) > 1_780_000_000_000
    assert origin == {
        "x-src-topic": "booking.commands.v1",
        "x-src-partition": "0",
        "x-src-offset": "1",
        "x-consumer-group": "booking.commands",
    }


async def test_poison_and_orphans_land_in_dead_letters_too(
    environment: dict[str, str],
    producer: AIOKafkaProducer,
    letters: Tap,
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("2026-11-20T06:00:00Z")
    booking, unknown = bookings(2)
    culprit, early = accept(booking), cancel(unknown)
    monkeypatch.setattr(fold, "unfold", lambda *a: 1 / 0 if a[1].id == culprit.id else unfold(*a))
    await send(producer, early, create(booking), culprit, cancel(booking))
    async with running(settings_of(environment, clock_file=clock)):
        await comes_to(environment["KAFKA_BOOTSTRAP_SERVERS"], 4)
        clock.write_text("2026-11-20T06:15:00Z")
        found = {told(letter)["x-dlq-reason"]: letter.value for letter in await letters.read(2)}
    assert found == {"poison": culprit.value(), "orphan": early.value()}
    assert await service.status(booking) == ("cancelled", 3)


class Outage:
    """The handler, behind something that fails for a while."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures, self.over, self.tries = failures, asyncio.Event(), 0

    async def __call__(self, connection: AsyncConnection, received: Sequence[Received], now: Any, **_: Any) -> Sequence[Outcome]:
        self.tries += 1
        if not self.over.is_set():
            failure = self.failures[min(self.tries, len(self.failures)) - 1]
            raise failure
        return await settle(connection, received, now)


async def test_an_offset_is_committed_only_after_the_transaction(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = bookings(1)
    monkeypatch.setattr(handlers, "settle", outage := Outage(OSError("no route")))
    await send(producer, create(booking), accept(booking))

    async def tried() -> bool:
        return outage.tries >= 3

    async with running(settings):
        await aeventually(tried, within=30)
        assert (await committed(settings.kafka), await service.events()) == (0, [])
        outage.over.set()
        await comes_to(settings.kafka, 2)
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted"]


async def test_a_cancellation_inside_the_handler_does_not_end_consumption(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = bookings(1)
    monkeypatch.setattr(handlers, "settle", outage := Outage(asyncio.CancelledError(), OSError("then this")))
    await send(producer, create(booking))

    async def tried() -> bool:
        return outage.tries >= 2

    async with running(settings):
        await aeventually(tried, within=30)
        outage.over.set()
        await comes_to(settings.kafka, 1)
        await send(producer, accept(booking))
        await comes_to(settings.kafka, 2)
    assert await service.status(booking) == ("confirmed", 3)


async def test_stopping_lets_the_batch_in_hand_finish(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = bookings(1)
    begun, go = asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any, **_: Any) -> Sequence[Outcome]:
        begun.set()
        await go.wait()
        return await settle(*arguments)

    monkeypatch.setattr(handlers, "settle", slowly)
    await send(producer, create(booking))
    async with running(settings) as process:
        await asyncio.wait_for(begun.wait(), 30)
        process.stopping.set()
        asyncio.get_running_loop().call_later(0.5, go.set)
    assert (await committed(settings.kafka), await service.status(booking)) == (1, ("pending", 2))


async def test_a_crash_before_the_offsets_are_committed_has_no_second_effect(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, letters: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = bookings(1)
    await send(producer, create(booking), accept(booking), replace(record(cancel(booking)), value=None))
    async with tapped(settings.kafka, BOOKING_EVENTS.name) as events:
        with monkeypatch.context() as broken:
            broken.setattr(Consumer, "_commit", crash)
            async with running(settings) as first:
                await asyncio.wait_for(first.stopping.wait(), 30)
        assert (await committed(settings.kafka), len(await service.events())) == (0, 3)
        before = duplicates()
        async with running(settings):
            await comes_to(settings.kafka, 3)
            await events.read(3)
    assert duplicates() == before + 2
    assert (len(await service.events()), len({r.headers for r in events.seen})) == (3, 3)
    assert len({told(letter)["x-dlq-id"] for letter in await letters.read(2)}) == 1


async def crash(consumer: Consumer, *_: object) -> None:
    """Stop the process without committing anything."""
    consumer.stopping.set()


def duplicates() -> float:
    names = ("CreateBooking", "AcceptBooking")
    return sum(REGISTRY.get_sample_value("commands_total", {"type": name, "outcome": "duplicate"}) or 0.0 for name in names)


async def remove_before(kafka: str, offset: int) -> None:
    """Remove the records of the first partition before `offset`, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({FIRST: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


async def test_records_that_were_removed_unread_stop_the_process(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer
) -> None:
    ids = bookings(4)
    await send(producer, create(ids[0]))
    async with running(settings):
        await comes_to(settings.kafka, 1)
    await send(producer, *map(create, ids[1:]))
    await remove_before(settings.kafka, 3)
    with pytest.raises(OffsetsLost, match=r"booking.commands stood at .*1, which now begins at 3"):
        await asyncio.wait_for(build(settings).run(), 60)
    assert (await committed(settings.kafka), await service.status(ids[3])) == (1, None)


async def test_records_that_are_removed_while_the_handler_waits_stop_the_process(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = bookings(3)
    monkeypatch.setattr(handlers, "settle", outage := Outage(OSError("no route")))
    outage.over.set()
    await send(producer, create(ids[0]))
    process = asyncio.create_task(build(settings).run())
    await comes_to(settings.kafka, 1)
    outage.over.clear()
    await send(producer, create(ids[1]))
    await remove_before(settings.kafka, 2)
    await send(producer, create(ids[2]))
    with pytest.raises(OffsetsLost, match=r"booking.commands stood at .*1, which now begins at 2"):
        await asyncio.wait_for(process, 60)
    assert await service.status(ids[2]) is None


async def test_a_group_that_never_read_begins_with_what_there_is(
    settings: BookingSettings, service: Service, producer: AIOKafkaProducer
) -> None:
    one, two = bookings(2)
    await send(producer, create(one), create(two))
    await remove_before(settings.kafka, 1)
    async with running(settings):
        await comes_to(settings.kafka, 2)
    assert (await service.status(one), await service.status(two)) == (None, ("pending", 2))


async def test_a_group_that_never_read_is_ready_when_all_was_removed(settings: BookingSettings, producer: AIOKafkaProducer) -> None:
    await send(producer, *map(create, bookings(3)))
    await remove_before(settings.kafka, 3)
    async with running(settings) as process:
        await aeventually(lambda: is_ready(process), within=60)
