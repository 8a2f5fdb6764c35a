"""A message that our own code or the database fails on is buried by itself; a fault that passes buries nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from contracts.commands import CancelBooking
from contracts.message import Message
from services.booking import fold, store
from services.booking.lifecycle import BookingCommand, Facts, Unfolded, unfold
from services.booking.state import Booking
from services.runtime.faults import Fault, fault
from services.runtime.worker import Worker
from tests.builders import accept, bookings, cancel, create, record
from tests.integration.booking_service import Service, opened

Unfold = Callable[[Booking | None, Message[BookingCommand], Facts, datetime], Unfolded]


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


class Failing:
    """The rules, with a defect that shows on one command."""

    def __init__(self, culprit: str, times: int = 1000) -> None:
        self.culprit, self.times, self.tries = culprit, times, 0

    def __call__(self, booking: Booking | None, command: Message[BookingCommand], facts: Facts, now: datetime) -> Unfolded:
        if command.id == self.culprit and self.tries < self.times:
            self.tries += 1
            raise KeyError("a defect")
        return unfold(booking, command, facts, now)


def unstorable(culprit: str) -> Unfold:
    """The rules, with a defect that lets text through which PostgreSQL refuses."""

    def decided(booking: Booking | None, command: Message[BookingCommand], facts: Facts, now: datetime) -> Unfolded:
        spoiled: Any = replace(command, data=CancelBooking(reason="a\0b")) if command.id == culprit else command
        return unfold(booking, spoiled, facts, now)

    return decided


async def test_a_command_that_our_code_fails_on_is_buried_and_its_booking_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = bookings(2)
    culprit = accept(one)
    monkeypatch.setattr(fold, "unfold", failing := Failing(culprit.id))
    fates = await service.settle(create(one), culprit, cancel(one), create(two), accept(two))
    assert fates == ["handled", "poison", "handled", "handled", "handled"]
    assert failing.tries == 3
    assert await service.events(one) == ["BookingCreated", "BookingSubmitted", "BookingCancelled"]
    assert await service.events(two) == ["BookingCreated", "BookingSubmitted", "BookingAccepted"]


async def test_a_failure_that_passes_buries_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    asked = accept(booking)
    monkeypatch.setattr(fold, "unfold", Failing(asked.id, times=2))
    assert await service.settle(create(booking), asked) == ["handled", "handled"]


async def test_the_letter_of_poison_tells_the_error_and_the_tries(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    culprit = cancel(booking)
    monkeypatch.setattr(fold, "unfold", Failing(culprit.id))
    await service.apply(create(booking), culprit)
    (letter,) = service.letters
    told = dict(letter.headers)
    assert (letter.key, letter.value, told["ce_id"]) == (culprit.key(), culprit.value(), culprit.id.encode())
    assert [told[f"x-dlq-{name}"] for name in ("reason", "error", "attempts")] == [b"poison", b"KeyError: 'a defect'", b"3"]


async def test_poison_may_be_sent_again_once_the_defect_is_mended(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    culprit = accept(booking)
    with monkeypatch.context() as broken:
        broken.setattr(fold, "unfold", Failing(culprit.id))
        assert await service.settle(create(booking), culprit) == ["handled", "poison"]
    assert await service.settle(culprit) == ["handled"]


async def test_waiting_poison_is_buried_through_the_outbox(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    culprit = accept(booking)
    await service.settle(culprit)
    monkeypatch.setattr(fold, "unfold", Failing(culprit.id))
    assert await service.settle(create(booking)) == ["handled"]
    assert (await service.parked(), culprit.id in await service.inbox()) == (0, False)
    assert await service.value("select count(*) from booking.outbox where topic = 'dead-letters.v1'") == 1


@pytest.mark.parametrize("place", [0, 4, 8])
async def test_what_the_database_refuses_stands_alone_in_the_end(service: Service, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    ids = bookings(9)
    await service.settle(*(create(booking) for booking in ids))
    asked = [cancel(booking) for booking in ids]
    monkeypatch.setattr(fold, "unfold", unstorable(asked[place].id))
    fates = await service.settle(*asked)
    assert fates == ["poison" if n == place else "handled" for n in range(9)]
    assert [(await service.status(booking)) for booking in ids] == [("pending", 2) if n == place else ("cancelled", 3) for n in range(9)]


async def test_what_the_database_refuses_keeps_neither_its_claim_nor_its_booking(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    culprit = cancel(booking, reason="plain")
    monkeypatch.setattr(fold, "unfold", unstorable(culprit.id))
    assert await service.settle(create(booking), culprit, accept(booking)) == ["handled", "poison", "handled"]
    monkeypatch.setattr(fold, "unfold", unfold)
    assert await service.settle(culprit) == ["handled"]
    assert await service.value("select cancellation_note from booking.bookings") == "plain"


async def test_a_cut_connection_buries_nothing_and_the_batch_applies_the_next_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    (booking,) = bookings(1)
    asked = [record(create(booking), 0), record(accept(booking), 1)]

    async def cut(*_: object) -> None:
        others = "pid <> pg_backend_pid() and datname = current_database()"
        await service.eye.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")

    with monkeypatch.context() as broken:
        broken.setattr(store, "append_events", cut)
        with pytest.raises(DBAPIError) as raised:
            await service.worker().apply(asked)
    assert fault(raised.value) is Fault.TRANSIENT
    assert (await service.events(), await service.inbox(), service.letters) == ([], {}, [])
    await service.worker().apply(asked)
    assert await service.status(booking) == ("confirmed", 3)


async def test_an_error_after_the_commit_leaves_one_effect(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    asked = [record(create(booking), 0), record(accept(booking), 1)]
    transact = Worker._transact

    async def lost(worker: Worker, batch: Any) -> Any:
        await transact(worker, batch)
        raise ConnectionResetError("the answer to COMMIT is lost")

    with monkeypatch.context() as broken:
        broken.setattr(Worker, "_transact", lost)
        with pytest.raises(ConnectionResetError):
            await service.worker().apply(asked)
    await service.worker().apply(asked)
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted"]
    assert service.letters == []


@pytest.mark.parametrize("change", ["update {} set payload = '{{}}'", "delete from {}"])
@pytest.mark.parametrize("table", ["booking.log", "the partition"])
async def test_the_log_is_append_only(service: Service, change: str, table: str) -> None:
    await service.settle(create(bookings(1)[0]))
    partition = await service.value("select tableoid::regclass::text from booking.log limit 1")
    with pytest.raises(Exception, match="the event log is append-only"):
        await service.eye.execute(change.format(partition if table == "the partition" else table))
    assert partition != "booking.log"
