"""The rules that a cell of the table alone does not show: deadlines, money, who is named, and whose time is taken."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from contracts.commands import CreateBooking
from contracts.message import Message
from services.booking.lifecycle import BookingCommand
from services.booking.state import Slot
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DEADLINE,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    SCAN,
    START,
    STRANGER,
    TICK,
    UPSTREAM,
    accept,
    after,
    cancel,
    create,
    decline,
    events_of,
    evidence,
    expire,
    outcome,
)

PENDING = after(create(BOOKING))
CONFIRMED = after(create(BOOKING), accept(BOOKING))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"expires_at": NOW}, "cancelled"),
        ({"expires_at": NOW + TICK, "valid_until": NOW + HOUR}, "not-due"),
        ({"valid_until": NOW + TICK}, "cancelled"),
        ({"valid_until": NOW}, "stale-command"),
        ({"expires_at": START + TICK}, "cancelled"),
        ({"expires_at": START}, "not-due"),
        ({"expires_at": START - HOUR}, "not-due"),
    ],
)
def test_a_booking_expires_from_its_deadline_until_the_command_is_stale(changes: dict[str, Any], expected: str) -> None:
    assert outcome(PENDING, expire(BOOKING, **changes)) == expected


@pytest.mark.parametrize(("booking_date", "expected"), [(NOW - TICK, "cancelled"), (NOW, "not-due"), (NOW + HOUR, "not-due")])
def test_no_booking_expires_before_its_date_has_passed(booking_date: Any, expected: str) -> None:
    moved = replace(PENDING, booking_date=booking_date)
    assert outcome(moved, expire(BOOKING, expires_at=max(NOW, booking_date + TICK) if expected == "not-due" else NOW)) == expected


def test_an_expired_booking_keeps_its_deadline_and_the_evidence() -> None:
    (event,) = events_of(CONFIRMED, expire(BOOKING, CONFIRMED.version))
    expected = {
        "status": "cancelled",
        "previous_status": "confirmed",
        "cancellation_reason": "expired",
        "cancellation_note": None,
        "cancelled_by": "system:expiry",
        "cancelled_at": NOW,
        "auto_cancelled": True,
        "expired_at": DEADLINE,
        "booking_date": START,
    }
    assert event.data.model_dump(exclude={"evidence"}) == expected
    assert getattr(event.data, "evidence", None) == evidence(CONFIRMED.version)


@pytest.mark.parametrize(
    ("command", "reason", "note"),
    [
        (decline(BOOKING, reason="away"), "declined", "away"),
        (decline(BOOKING, ADMIN), "declined", None),
        (cancel(BOOKING, CUSTOMER, "no longer needed"), "customer", "no longer needed"),
        (cancel(BOOKING, PROVIDER), "provider", None),
        (cancel(BOOKING, ADMIN), "admin", None),
    ],
)
def test_a_cancellation_says_why_and_by_whom_and_is_not_automatic(command: Message[BookingCommand], reason: str, note: str | None) -> None:
    cancelled = after(create(BOOKING), command)
    assert (cancelled.cancellation_reason, cancelled.cancellation_note) == (reason, note)
    assert (cancelled.cancelled_by, cancelled.cancelled_at) == (str(command.actor), NOW)
    assert (cancelled.auto_cancelled, cancelled.expired_at) == (False, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prepaid": True, "payment_method": "sandbox"}, "created"),
        ({"prepaid": True, "payment_method": "cash"}, "money-inconsistent"),
        ({"prepaid": True, "payment_method": None}, "money-inconsistent"),
        ({"prepaid": True, "payment_method": "sandbox", "total_amount": Decimal("0.00")}, "pending"),
        ({"prepaid": True, "payment_method": "cash", "total_amount": Decimal("0.00")}, "pending"),
        ({"prepaid": False, "payment_method": "cash"}, "pending"),
        ({"total_amount": Decimal("0.00")}, "pending"),
        ({"booking_date": NOW - timedelta(days=3650)}, "pending"),
    ],
)
def test_a_booking_waits_in_created_only_while_a_prepayment_is_due(changes: dict[str, Any], expected: str) -> None:
    assert outcome(None, create(BOOKING, **changes)) == expected


def test_a_customer_creates_only_for_itself_and_others_for_anybody() -> None:
    theirs = {"customer": UUID(STRANGER.id)}
    assert outcome(None, create(BOOKING, CUSTOMER, **theirs)) == "forbidden"
    assert outcome(None, create(BOOKING, ADMIN, **theirs)) == "pending"
    assert outcome(None, create(BOOKING, UPSTREAM, **theirs)) == "pending"


def test_a_creation_expects_no_version() -> None:
    command = create(BOOKING)
    versioned = replace(command, data=CreateBooking(**{**dict(command.data), "expected_version": 1}))
    assert outcome(None, versioned) == "version-conflict"
    assert outcome(PENDING, versioned) == "unchanged"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (START - HOUR, START, "confirmed"),
        (START + HOUR, START + 2 * HOUR, "confirmed"),
        (START - HOUR, START + TICK, "slot-taken"),
        (START + HOUR - TICK, START + 2 * HOUR, "slot-taken"),
        (START + TICK, START + 2 * TICK, "slot-taken"),
        (START - HOUR, START + 2 * HOUR, "slot-taken"),
    ],
)
def test_an_accept_finds_the_slot_taken_by_whatever_overlaps(start: Any, end: Any, expected: str) -> None:
    other = Slot(SCAN, UUID(PROVIDER.id), start, end)
    assert outcome(PENDING, accept(BOOKING), busy=[other]) == expected


def test_neither_another_providers_time_nor_the_bookings_own_is_in_its_way() -> None:
    theirs = Slot(SCAN, UUID(RIVAL.id), START, START + HOUR)
    own = Slot(BOOKING, UUID(PROVIDER.id), START, START + HOUR)
    assert outcome(PENDING, accept(BOOKING), busy=[theirs, own]) == "confirmed"


def test_an_accepted_booking_says_when_it_begins_and_ends() -> None:
    (event,) = events_of(PENDING, accept(BOOKING))
    assert event.data.model_dump() == {"status": "confirmed", "booking_date": START, "ends_at": START + HOUR}
