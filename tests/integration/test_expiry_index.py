"""The deadline index is what the events say, however often and in whatever batches they come."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from contracts.actors import Actor
from contracts.events import BookingOverridden
from contracts.ids import new_id
from services.expiry import store
from services.expiry.store import Entry
from services.runtime.db import open_engine
from services.runtime.outcomes import Burial, Fate
from tests.integration.expiry_history import (
    BOOKED_FOR,
    CUSTOMER,
    DAY,
    HOUR,
    NOW,
    SYSTEM,
    Expiry,
    accepted,
    event,
    expired,
    moved,
    noted,
    requested,
)

JUNE, JULY = UUID("01972e00-0000-7000-8000-000000000001"), UUID("0197c800-0000-7000-8000-000000000001")
UPSTREAM = Actor("upstream", "legacy-shop")


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=3, name="test")
    yield Expiry(engine)
    await engine.dispose()


def facts_of(entry: Entry) -> tuple[str, datetime, datetime | None, datetime | None]:
    return entry.facts.status, entry.facts.booking_date, entry.facts.last_status_update_at, entry.expires_at


async def test_a_request_gets_its_deadline_once_it_is_pending(expiry: Expiry) -> None:
    booking = new_id()
    created, submitted = requested(booking)
    await expiry.hears(created)
    assert facts_of(await expiry.entry(booking)) == ("created", BOOKED_FOR, None, None)
    await expiry.hears(submitted)
    assert facts_of(await expiry.entry(booking)) == ("pending", BOOKED_FOR, None, BOOKED_FOR + DAY)
    assert (await expiry.entry(booking)).facts.created_at == created.time


async def test_a_persons_update_moves_the_deadline(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking), accepted(booking, 3, at=NOW))
    assert facts_of(await expiry.entry(booking)) == ("confirmed", BOOKED_FOR, NOW, NOW + DAY)


async def test_a_reschedule_counts_as_an_update_though_the_status_stays(expiry: Expiry) -> None:
    booking, later = new_id(), BOOKED_FOR + HOUR
    await expiry.hears(*requested(booking), moved(booking, 3, later, CUSTOMER, at=NOW))
    assert facts_of(await expiry.entry(booking)) == ("pending", later, NOW, NOW + DAY)


@pytest.mark.parametrize("actor", [SYSTEM, UPSTREAM], ids=str)
async def test_what_programs_do_keeps_no_booking_alive(expiry: Expiry, actor: Actor) -> None:
    booking, later = new_id(), BOOKED_FOR + HOUR
    await expiry.hears(*requested(booking), moved(booking, 3, later, actor, at=NOW), replace(accepted(booking, 4, at=NOW), actor=actor))
    assert facts_of(await expiry.entry(booking)) == ("confirmed", later, None, later + DAY)


async def test_notes_keep_no_booking_alive(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking), noted(booking, 3))
    assert facts_of(await expiry.entry(booking)) == ("pending", BOOKED_FOR, None, BOOKED_FOR + DAY)


async def test_a_closed_booking_has_no_deadline_and_remembers_how_it_ended(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking), expired(booking, 3, BOOKED_FOR + DAY))
    entry = await expiry.entry(booking)
    assert (entry.expires_at, entry.expired_at, entry.cancelled_at) == (None, BOOKED_FOR + DAY, NOW)


async def test_an_override_opens_a_booking_again(expiry: Expiry) -> None:
    booking, admin = new_id(), Actor("admin", CUSTOMER.id)
    data = BookingOverridden.model_validate(
        {"status": "pending", "from": "cancelled", "target": "pending", "reason": "a mistake", "booking_date": NOW, "ends_at": NOW + HOUR}
    )
    await expiry.hears(*requested(booking), expired(booking, 3, BOOKED_FOR + DAY), event(booking, 4, data, admin, NOW))
    entry = await expiry.entry(booking)
    assert (entry.expires_at, entry.expired_at, entry.cancelled_at) == (NOW + DAY, None, None)


async def test_redelivered_and_out_of_date_events_change_nothing(expiry: Expiry) -> None:
    booking = new_id()
    history = [*requested(booking), accepted(booking, 3, at=NOW), expired(booking, 4, NOW + DAY, NOW + DAY)]
    assert await expiry.hears(*history[:3]) == [Fate.HANDLED] * 3
    known = await expiry.entry(booking)
    assert await expiry.hears(history[1], history[0], history[2]) == [Fate.DUPLICATE] * 3
    assert await expiry.entry(booking) == known
    assert await expiry.hears(*history) == [Fate.DUPLICATE] * 3 + [Fate.HANDLED]
    assert await expiry.hears(*history) == [Fate.DUPLICATE] * 4


async def test_one_batch_and_many_leave_the_same_index(expiry: Expiry) -> None:
    at_once, one_by_one = new_id(), new_id()
    for booking, size in ((at_once, 4), (one_by_one, 1)):
        history = [*requested(booking), accepted(booking, 3, at=NOW), noted(booking, 4, "confirmed")]
        for start in range(0, len(history), size):
            await expiry.hears(*history[start : start + size])
    assert replace(await expiry.entry(at_once), booking=one_by_one) == await expiry.entry(one_by_one)


async def test_an_event_after_a_gap_is_buried_and_never_indexed(expiry: Expiry) -> None:
    booking, unknown, fine = new_id(), new_id(), new_id()
    outcomes = await expiry.hears(*requested(booking), noted(booking, 4), requested(unknown)[1], *requested(fine))
    assert [isinstance(outcome, Burial) for outcome in outcomes] == [False, False, True, True, False, False]
    assert (await expiry.entry(booking)).version == 2
    assert await expiry.hears(noted(booking, 3), noted(booking, 4)) == [Fate.HANDLED] * 2


async def test_only_a_creation_begins_a_history_and_only_once(expiry: Expiry) -> None:
    booking, unknown = new_id(), new_id()
    created, submitted = requested(booking)
    again, headless = replace(created, aggregate_version=3), noted(unknown, 1)
    outcomes = await expiry.hears(created, submitted, again, headless)
    assert [isinstance(outcome, Burial) for outcome in outcomes] == [False, False, True, True]


async def test_a_process_that_lags_behind_takes_nothing_back(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    before = await expiry.entry(booking)
    await expiry.hears(accepted(booking, 3, at=NOW))
    async with expiry.engine.begin() as connection:
        await store.save(connection, [before])
    assert (await expiry.entry(booking)).version == 3


async def test_an_event_without_a_version_is_buried(expiry: Expiry) -> None:
    created = replace(requested(new_id())[0], aggregate_version=None)
    assert await expiry.hears(created) == [Burial("schema", "ce_aggregateversion: an event of a booking needs its version")]


async def test_bookings_lie_in_the_partition_of_their_month(expiry: Expiry) -> None:
    await expiry.hears(*requested(JUNE), *requested(JULY))
    async with expiry.engine.connect() as connection:
        rows = await connection.execute(text("select tableoid::regclass::text from expiry.deadlines order by booking"))
        assert list(rows.scalars()) == ["expiry.deadlines_2025_06", "expiry.deadlines_2025_07"]
