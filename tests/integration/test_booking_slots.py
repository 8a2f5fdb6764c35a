"""Two bookings of one provider never take the same time: decided under a lock, and refused by the database all the same."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest

from tests.builders import (
    HOUR,
    MINUTE,
    MOVED,
    NOW,
    PROVIDER,
    RIVAL,
    START,
    accept,
    bookings,
    cancel,
    create,
    decline,
    expire,
    override,
    reschedule,
)
from tests.integration.booking_service import Service, opened


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def taken(service: Service) -> list[tuple[UUID, datetime, datetime]]:
    """The time that is taken, by booking."""
    return await service.rows("select booking, lower(slot), upper(slot) from booking.provider_slots order by booking")


async def test_the_second_of_a_batch_finds_the_slot_taken(service: Service) -> None:
    one, two = bookings(2)
    fates = await service.settle(create(one), create(two, booking_date=START + 59 * MINUTE), accept(one), accept(two))
    assert fates == ["handled", "handled", "handled", "refused"]
    assert await service.rejections() == ["slot-taken"]
    assert await taken(service) == [(one, START, START + HOUR)]


async def test_a_later_batch_finds_the_slot_taken(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one))
    assert await service.settle(create(two), accept(two)) == ["handled", "refused"]
    assert await service.settle(accept(two)) == ["refused"]
    assert await service.status(two) == ("pending", 2)


async def test_slots_that_touch_are_both_taken(service: Service) -> None:
    ids = bookings(3)
    asked = [create(booking, booking_date=START + n * HOUR) for n, booking in enumerate(ids)]
    assert await service.settle(*asked, accept(ids[2]), accept(ids[0])) == ["handled"] * 5
    assert await service.settle(accept(ids[1])) == ["handled"]
    assert len(await taken(service)) == 3


async def test_the_time_of_other_providers_is_free(service: Service) -> None:
    one, two = bookings(2)
    fates = await service.settle(create(one), create(two, provider=UUID(RIVAL.id)), accept(one), accept(two, RIVAL))
    assert fates == ["handled"] * 4


async def test_a_cancelled_booking_frees_its_slot_for_the_next_in_the_same_batch(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two), accept(one))
    assert await service.settle(accept(two), cancel(one), accept(two)) == ["refused", "handled", "handled"]
    assert await taken(service) == [(two, START, START + HOUR)]


async def test_an_expired_booking_frees_its_slot(service: Service) -> None:
    one, two = bookings(2)
    service.clock.instant = NOW - HOUR
    await service.settle(create(one), create(two), accept(one))
    service.clock.instant = NOW
    assert await service.settle(expire(one, version=3)) == ["handled"]
    assert await taken(service) == []
    assert await service.settle(accept(two)) == ["handled"]


async def test_a_booking_that_is_only_asked_for_takes_no_time(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two), decline(two))
    assert await taken(service) == []


async def test_a_move_by_the_provider_takes_the_new_time_and_frees_the_old(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two), accept(one))
    assert await service.settle(accept(two), reschedule(one, PROVIDER), accept(two)) == ["refused", "handled", "handled"]
    assert await taken(service) == [(one, MOVED, MOVED + HOUR), (two, START, START + HOUR)]
    assert await service.settle(reschedule(one, PROVIDER, START + 30 * MINUTE)) == ["refused"]
    assert await service.rejections() == ["slot-taken", "slot-taken"]


async def test_a_move_by_the_customer_frees_the_time_until_it_is_accepted_again(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one), create(two, booking_date=MOVED), accept(two))
    assert await service.settle(reschedule(one), accept(one)) == ["handled", "refused"]
    assert await taken(service) == [(two, MOVED, MOVED + HOUR)]
    assert await service.settle(reschedule(one, minutes=30, to=MOVED - HOUR), accept(one)) == ["handled", "handled"]


async def test_two_bookings_of_a_batch_can_change_places(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two, booking_date=MOVED), accept(one), accept(two))
    aside = MOVED + 5 * HOUR
    moves = [reschedule(one, PROVIDER, aside), reschedule(two, PROVIDER, START), reschedule(one, PROVIDER, MOVED)]
    assert await service.settle(*moves) == ["handled"] * 3
    assert await taken(service) == [(one, MOVED, MOVED + HOUR), (two, START, START + HOUR)]


async def test_an_override_finds_the_slot_taken(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two), accept(one))
    assert await service.settle(override(two, "confirmed"), override(one, "pending"), override(two, "confirmed")) == [
        "refused",
        "handled",
        "handled",
    ]
    assert await taken(service) == [(two, START, START + HOUR)]


async def test_a_command_that_waited_for_its_booking_finds_the_slot_taken_too(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one), accept(two))
    assert await service.settle(create(two)) == ["handled"]
    assert (await service.parked(), await service.rejections()) == (0, ["slot-taken"])


async def test_a_second_creation_in_the_batch_does_not_hide_whose_time_is_asked_for(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one))
    other = create(two, provider=UUID(RIVAL.id))
    assert await service.settle(create(two), other, accept(two)) == ["handled", "refused", "refused"]
    assert await service.rejections() == ["already-exists", "slot-taken"]


async def test_the_refused_creation_before_it_does_not_hide_it_either(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one))
    forbidden = create(two, PROVIDER, provider=UUID(RIVAL.id))
    assert await service.settle(forbidden, create(two), accept(two)) == ["refused", "handled", "refused"]
    assert await service.rejections() == ["forbidden", "slot-taken"]


async def test_only_overlapping_time_is_loaded_and_the_rest_left_alone(service: Service) -> None:
    ids = bookings(6)
    asked = [create(booking, booking_date=START + n * HOUR) for n, booking in enumerate(ids)]
    await service.settle(*asked, *(accept(booking) for booking in ids[:5]))
    assert await service.settle(cancel(ids[1]), accept(ids[5])) == ["handled", "handled"]
    assert [booking for booking, _, _ in await taken(service)] == sorted([ids[0], *ids[2:]])


async def test_the_database_itself_refuses_an_overlap(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), accept(one))
    copy = "insert into booking.provider_slots select $1, provider, slot from booking.provider_slots"
    with pytest.raises(Exception, match="no_overlap"):
        await service.eye.execute(copy, two)
