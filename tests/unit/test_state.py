"""What each event makes of a booking, which histories cannot be, and when two slots meet."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from contracts.actors import Actor
from contracts.commands import BookingFacts, CreateBooking
from contracts.events import BookingAccepted, BookingCreated, BookingSubmitted, Status
from contracts.message import Message
from services.booking.errors import BrokenHistory
from services.booking.lifecycle import Cause
from services.booking.rows import COLUMNS, LISTS, as_booking, as_row
from services.booking.state import Booking, Occurred, Slot, creation_digest, evolve
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DEADLINE,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    SCAN,
    SERVICE,
    START,
    SYSTEM,
    TICK,
    accept,
    after,
    cancel,
    confirm,
    create,
    decline,
    deliver,
    dispute,
    edit_notes,
    events_of,
    expire,
    facts,
    override,
    reschedule,
    suggest,
)
from tests.payment_facts import captured

LATER = NOW + HOUR
PENDING = after(create(BOOKING))
ACCEPTED = BookingAccepted(status="confirmed", booking_date=START, ends_at=START + HOUR)
CREATED = BookingCreated(status="created", **facts())
ELSEWHERE = UUID("019a3c00-0000-7000-8000-000000000002")


def occurred(version: int, data: Any, actor: Actor = PROVIDER) -> Occurred:
    """An event an hour after NOW."""
    return Occurred(BOOKING, version, LATER, actor, data)


def test_a_created_booking_holds_what_was_asked_for() -> None:
    asked = facts(notes="by the blue door", payment_method="sandbox", prepaid=True, requires_photos=True, min_photos=2, rebooked_from=SCAN)
    booking = after(create(BOOKING, **asked))
    assert {name: getattr(booking, name) for name in asked} == asked
    assert (booking.id, booking.version, booking.status, booking.currency) == (BOOKING, 1, "created", "NPR")
    assert (booking.created_at, booking.updated_at, booking.last_status_update_at) == (NOW, NOW, None)


@pytest.mark.parametrize(
    ("actor", "touched"),
    [(PROVIDER, LATER), (CUSTOMER, LATER), (ADMIN, LATER), (SYSTEM, None), (EXPIRY, None), (Actor("upstream", "x"), None)],
)
def test_only_a_person_who_moves_the_status_keeps_a_booking_alive(actor: Actor, touched: Any) -> None:
    moved = evolve(PENDING, occurred(3, ACCEPTED, actor))
    assert (moved.status, moved.updated_at, moved.last_status_update_at) == ("confirmed", LATER, touched)


def test_a_persons_event_that_leaves_the_status_alone_keeps_nothing_alive() -> None:
    confirmed = evolve(PENDING, Occurred(BOOKING, 3, NOW, PROVIDER, ACCEPTED))
    again = evolve(confirmed, occurred(4, ACCEPTED))
    assert (again.updated_at, again.last_status_update_at) == (LATER, NOW)


def test_an_expiry_leaves_the_last_status_update_where_it_was() -> None:
    confirmed = after(create(BOOKING), accept(BOOKING))
    (event,) = events_of(confirmed, expire(BOOKING, 3), NOW)
    expired = evolve(confirmed, replace(event, at=LATER))
    assert (expired.last_status_update_at, expired.updated_at, expired.expired_at) == (NOW, LATER, DEADLINE)


LIVES: list[Message[Cause]] = [
    create(BOOKING),
    edit_notes(BOOKING),
    reschedule(BOOKING, to=NOW, minutes=90),
    accept(BOOKING),
    deliver(BOOKING, photos=2),
    dispute(BOOKING),
    confirm(BOOKING, rating=4),
    captured(BOOKING),
    override(BOOKING, "cancelled"),
    suggest(BOOKING),
]


def test_an_event_that_went_over_the_wire_makes_the_same_of_a_booking() -> None:
    booking = read = None
    for message in LIVES:
        for event in events_of(booking, message):
            booking = evolve(booking, event)
            data = type(event.data).model_validate_json(event.data.model_dump_json())
            read = evolve(read, replace(event, data=data))
    assert booking == read


def test_a_row_brings_back_the_booking_that_was_written() -> None:
    for number in range(1, len(LIVES) + 1):
        booking = after(*LIVES[:number])
        row = dict.fromkeys(COLUMNS) | as_row(booking)
        assert as_booking([json.dumps(value) if name in LISTS else value for name, value in row.items()]) == booking


@pytest.mark.parametrize(
    ("before", "event"),
    [
        pytest.param(None, occurred(2, CREATED), id="begins at version 2"),
        pytest.param(None, occurred(1, BookingSubmitted(status="pending")), id="begins without a creation"),
        pytest.param(PENDING, occurred(2, ACCEPTED), id="a version again"),
        pytest.param(PENDING, occurred(4, ACCEPTED), id="a version left out"),
        pytest.param(PENDING, occurred(3, CREATED), id="created twice"),
    ],
)
def test_a_history_that_cannot_be_is_refused(before: Booking | None, event: Occurred) -> None:
    with pytest.raises(BrokenHistory, match=str(BOOKING)):
        evolve(before, event)


@pytest.mark.parametrize(
    ("status", "takes"),
    [
        ("created", False),
        ("pending", False),
        ("confirmed", True),
        ("service_delivered", True),
        ("awaiting_confirmation", True),
        ("completed", False),
        ("cancelled", False),
    ],
)
def test_a_booking_takes_time_from_confirmed_until_it_is_closed(status: Status, takes: bool) -> None:
    booking = replace(PENDING, status=status)
    assert booking.taken == (Slot(BOOKING, UUID(PROVIDER.id), START, START + HOUR) if takes else None)


@pytest.mark.parametrize("reason", [cancel(BOOKING), decline(BOOKING), expire(BOOKING)])
def test_a_cancelled_booking_gives_its_time_back(reason: Any) -> None:
    assert after(create(BOOKING), reason).taken is None


@pytest.mark.parametrize(
    ("start", "end", "overlap"),
    [
        (-2 * HOUR, -HOUR, False),
        (-HOUR, timedelta(0), False),
        (-HOUR, TICK, True),
        (timedelta(0), HOUR, True),
        (TICK, HOUR - TICK, True),
        (-HOUR, 2 * HOUR, True),
        (HOUR - TICK, 2 * HOUR, True),
        (HOUR, 2 * HOUR, False),
        (2 * HOUR, 3 * HOUR, False),
    ],
)
def test_slots_that_only_touch_do_not_overlap(start: timedelta, end: timedelta, overlap: bool) -> None:
    one, other = PENDING.slot, Slot(ELSEWHERE, PENDING.provider, START + start, START + end)
    assert (one.overlaps(other), other.overlaps(one)) == (overlap, overlap)


def test_slots_of_two_providers_never_overlap() -> None:
    assert not PENDING.slot.overlaps(replace(PENDING.slot, provider=SERVICE))


def test_the_slot_lasts_as_long_as_the_booking() -> None:
    assert replace(PENDING, duration_minutes=90).slot.end == START + 1.5 * HOUR


CHANGED = {
    "customer": SCAN,
    "provider": SCAN,
    "service": SCAN,
    "category": "cleaning",
    "booking_date": START + TICK,
    "duration_minutes": 61,
    "total_amount": Decimal("1500.01"),
    "currency": "USD",
    "prepaid": True,
    "requires_photos": True,
    "min_photos": 1,
    "payment_method": "cash",
    "notes": "",
    "rebooked_from": SCAN,
}


def test_every_fact_of_a_creation_is_in_its_digest() -> None:
    assert set(CHANGED) == set(BookingFacts.model_fields)
    digests = [creation_digest(CreateBooking(**facts(**{name: value}))) for name, value in CHANGED.items()]
    assert len({PENDING.creation_digest, *digests}) == 1 + len(CHANGED)


def test_the_digest_is_that_of_the_event_and_ignores_the_expected_version() -> None:
    assert creation_digest(CREATED) == PENDING.creation_digest
    assert creation_digest(CreateBooking(**facts(), expected_version=3)) == PENDING.creation_digest
    assert creation_digest(CreateBooking(**facts(total_amount=Decimal(1500)))) == PENDING.creation_digest
