"""Two processes at once: whatever both have read before either writes, the outcome is one that could have come in turn."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from contracts.actors import Actor
from contracts.message import Message
from contracts.values import Contract
from services.booking import store
from services.booking.app import settle_arrived
from tests.builders import STRANGER, accept, bookings, cancel, create, decline
from tests.integration.booking_service import Service, opened

PATIENCE = 0.2


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


class Meeting:
    """A read after which the first two transactions go on together; one that a lock keeps from coming is not waited for long."""

    def __init__(self, read: Callable[..., Awaitable[Any]]) -> None:
        self._read, self._barrier, self.calls = read, asyncio.Barrier(2), 0

    async def __call__(self, *arguments: Any) -> Any:
        found = await self._read(*arguments)
        self.calls += 1
        if self.calls <= 2:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._barrier.wait(), PATIENCE)
        return found


async def race(service: Service, *batches: list[Message[Contract]]) -> list[list[str]]:
    """Each batch in a process of its own, at the same time."""
    return list(await asyncio.gather(*(service.settle(*batch) for batch in batches)))


async def unlocked(*_: object) -> None:
    """Take no lock."""


async def test_of_two_overlapping_accepts_one_waits_and_finds_the_slot_taken(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two))
    monkeypatch.setattr(store, "lock_bookings", meeting := Meeting(store.lock_bookings))
    with capture_logs() as lines:
        fates = await race(service, [accept(one)], [accept(two)])
    assert sorted(fates) == [["handled"], ["refused"]]
    assert (meeting.calls, [line for line in lines if line["event"] == "batch_failed"]) == (2, [])
    assert await service.rejections() == ["slot-taken"]


async def test_without_the_lock_the_constraint_stops_the_second_which_runs_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two))
    monkeypatch.setattr(store, "lock_providers", unlocked)
    monkeypatch.setattr(store, "busy_slots", meeting := Meeting(store.busy_slots))
    with capture_logs() as lines:
        fates = await race(service, [accept(one)], [accept(two)])
    assert sorted(fates) == [["handled"], ["refused"]]
    assert (meeting.calls, [line["fault"] for line in lines if line["event"] == "batch_failed"]) == (3, ["conflict"])
    assert await service.rejections() == ["slot-taken"]
    assert await service.value("select count(*) from booking.provider_slots") == 1


async def test_two_commands_for_one_booking_are_decided_one_after_the_other(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking))
    monkeypatch.setattr(store, "lock_bookings", Meeting(store.lock_bookings))
    with capture_logs() as lines:
        fates = await race(service, [decline(booking)], [cancel(booking)])
    assert sorted(fates) in ([["handled"], ["refused"]], [["handled"], ["unchanged"]])
    assert [line for line in lines if line["event"] == "batch_failed"] == []
    assert await service.status(booking) == ("cancelled", 3)


async def test_a_booking_that_is_not_as_it_was_read_is_not_written(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking))
    async with service.engine.connect() as connection:
        ((id_, read),) = (await store.lock_bookings(connection, [booking])).items()
        elsewhere = replace(read, version=read.version + 1)
        with pytest.raises(RuntimeError, match="1 of 1 locked bookings changed underneath"):
            await store.save_bookings(connection, {id_: elsewhere}, {id_: replace(elsewhere, version=elsewhere.version + 1)})


async def test_of_two_creations_under_one_id_the_later_is_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    booking, other = bookings(2)
    await service.settle(create(other))
    monkeypatch.setattr(store, "lock_bookings", meeting := Meeting(store.lock_bookings))
    theirs = create(booking, customer=UUID(STRANGER.id))
    fates = await race(service, [create(booking)], [theirs, cancel(other)])
    assert sorted(map(len, fates)) == [1, 2]
    assert {fates[0][0], fates[1][0]} == {"handled", "refused"}
    assert (fates[1][1], meeting.calls > 2) == ("handled", True)
    assert await service.events(booking) == ["BookingCreated", "BookingSubmitted"]


async def test_a_message_that_two_processes_hold_has_one_effect(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    made, off = create(booking), cancel(booking)
    monkeypatch.setattr(store, "lock_bookings", Meeting(store.lock_bookings))
    fates = await race(service, [made, off], [made, off])
    assert sorted(fates) == [["duplicate", "duplicate"], ["handled", "handled"]]
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingCancelled"]


def stories(number: int) -> tuple[list[list[Message[Contract]]], dict[UUID, tuple[str, int]]]:
    """For each of many bookings its commands, in an order that does not matter, and where it ends."""
    told: list[list[Message[Contract]]] = []
    ends: dict[UUID, tuple[str, int]] = {}
    for n, booking in enumerate(bookings(number)):
        provider = Actor("provider", str(uuid4()))
        made = create(booking, provider=UUID(provider.id))
        closing: list[Message[Contract]] = [accept(booking, provider), cancel(booking), decline(booking, provider)]
        told.append([made, *closing[n % 4 : n % 4 + 1]])
        ends[booking] = [("confirmed", 3), ("cancelled", 3), ("cancelled", 3), ("pending", 2)][n % 4]
    return told, ends


def shuffled(told: list[list[Message[Contract]]], seed: int, size: int = 40) -> list[list[Message[Contract]]]:
    """All messages, each twice, in an order of their own, in batches."""
    messages = 2 * [message for story in told for message in story]
    random.Random(seed).shuffle(messages)
    return [messages[i : i + size] for i in range(0, len(messages), size)]


async def test_workers_with_overlapping_shuffled_batches_end_alike_without_deadlock(service: Service) -> None:
    told, ends = stories(120)

    async def work(seed: int) -> None:
        for batch in shuffled(told, seed):
            await service.settle(*batch)

    with capture_logs() as lines:
        await asyncio.gather(*(work(seed) for seed in range(3)))
    assert [line for line in lines if line["event"] == "batch_failed"] == []
    await service.run_once(settle_arrived)
    assert {booking: await service.status(booking) for booking in ends} == ends
    assert len(await service.events()) == sum(version for _, version in ends.values())
    assert await service.parked() == 0
