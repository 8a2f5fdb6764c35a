"""The rules of moves, overrides and cleaning up that a cell alone does not show."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from contracts.actors import Actor
from contracts.commands import Target
from contracts.events import BookingRescheduled, Slot as Place
from contracts.message import Message
from services.booking.lifecycle import Cause
from services.booking.office import LapsePrepayment
from services.booking.state import Booking, Slot
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DEADLINE,
    DIRECTORY,
    HOUR,
    MOVED,
    NOW,
    PROVIDER,
    SCAN,
    START,
    SYSTEM,
    TICK,
    accept,
    after,
    command,
    confirm,
    create,
    deliver,
    dispute,
    edit_notes,
    events_of,
    expire,
    maintain,
    outcome,
    override,
    reschedule,
    suggest,
    suggestion,
    then,
)
from tests.payment_facts import CARD, authorized, captured, failed, refund_requested, voided

PENDING = after(create(BOOKING))
CONFIRMED = then(PENDING, accept(BOOKING))
AWAITING = then(CONFIRMED, deliver(BOOKING))
COMPLETED = then(AWAITING, confirm(BOOKING), captured(BOOKING))
EXPIRED = then(PENDING, expire(BOOKING))
PREPAID = after(create(BOOKING, prepaid=True, payment_method=CARD))
LATER = NOW + HOUR


def taken(start: datetime) -> list[Slot]:
    """An hour of the provider that another booking has."""
    return [Slot(SCAN, UUID(PROVIDER.id), start, start + HOUR)]


@pytest.mark.parametrize(
    ("actor", "status", "frees"), [(CUSTOMER, "pending", True), (PROVIDER, "confirmed", False), (ADMIN, "confirmed", False)]
)
def test_a_move_by_the_customer_has_to_be_accepted_again(actor: Actor, status: str, frees: bool) -> None:
    moved = then(CONFIRMED, reschedule(BOOKING, actor, minutes=90), now=LATER)
    assert (moved.status, moved.booking_date, moved.duration_minutes, moved.reschedules) == (status, MOVED, 90, 1)
    assert (moved.taken is None, moved.last_status_update_at) == (frees, LATER)
    assert moved.pending_since == (LATER if frees else NOW)


def test_a_move_says_from_where_to_where_and_by_whom() -> None:
    (event,) = events_of(CONFIRMED, reschedule(BOOKING, PROVIDER))
    assert event.data == BookingRescheduled(
        status="confirmed",
        booking_date=MOVED,
        duration_minutes=60,
        ends_at=MOVED + HOUR,
        previous=Place(booking_date=START, duration_minutes=60),
        moved_by=str(PROVIDER),
    )


@pytest.mark.parametrize(
    ("before", "actor", "expected"),
    [
        (CONFIRMED, PROVIDER, "slot-taken"),
        (CONFIRMED, ADMIN, "slot-taken"),
        (CONFIRMED, CUSTOMER, "pending"),
        (PENDING, PROVIDER, "pending"),
    ],
)
def test_only_a_booking_that_stays_confirmed_needs_free_time_where_it_is_moved(before: Booking, actor: Actor, expected: str) -> None:
    assert outcome(before, reschedule(BOOKING, actor), taken(MOVED)) == expected
    assert outcome(before, reschedule(BOOKING, actor), taken(MOVED + HOUR)) == before.status if actor != CUSTOMER else "pending"


def test_a_move_of_a_pending_booking_by_a_person_counts_as_an_update_though_the_status_stays() -> None:
    moved = then(PENDING, reschedule(BOOKING), now=LATER)
    assert (moved.status, moved.last_status_update_at, moved.pending_since) == ("pending", LATER, NOW)


def test_edited_notes_keep_nothing_alive() -> None:
    edited = then(PENDING, edit_notes(BOOKING, notes="the blue door"), now=LATER)
    assert (edited.notes, edited.last_status_update_at, edited.updated_at) == ("the blue door", None, LATER)
    assert outcome(edited, edit_notes(BOOKING, notes="the blue door")) == "unchanged"


def test_suggestions_leave_the_status_alone_and_the_same_ones_change_nothing() -> None:
    suggested = then(EXPIRED, suggest(BOOKING, ranks=2))
    assert (suggested.status, suggested.suggestions) == ("cancelled", (suggestion(1), suggestion(2)))
    assert [outcome(suggested, suggest(BOOKING, DIRECTORY, ranks)) for ranks in (2, 1)] == ["unchanged", "cancelled"]


def test_maintenance_is_automatic_and_says_why() -> None:
    cleared = then(PENDING, maintain(BOOKING))
    assert (cleared.cancellation_reason, cleared.cancellation_note, cleared.cancelled_by) == ("maintenance", "stuck for weeks", str(ADMIN))
    assert (cleared.auto_cancelled, cleared.expired_at) == (True, None)


def test_maintenance_names_the_version_it_saw() -> None:
    assert outcome(CONFIRMED, maintain(BOOKING, version=2)) == "version-conflict"


@pytest.mark.parametrize(("now", "expected"), [(NOW + HOUR - TICK, "not-due"), (NOW + HOUR, "cancelled")])
def test_a_pre_payment_that_nobody_authorises_lapses_after_an_hour(now: datetime, expected: str) -> None:
    lapse = command(BOOKING, LapsePrepayment(), SYSTEM)
    assert outcome(PREPAID, lapse, now=now) == expected
    assert outcome(then(PREPAID, authorized(BOOKING)), lapse, now=now) == "invalid-transition"


@pytest.mark.parametrize(
    ("passed", "expected"), [(timedelta(days=7), "pending"), (timedelta(days=7) + TICK, "override-too-late"), (timedelta(0), "pending")]
)
def test_what_expired_is_reinstated_for_seven_days(passed: timedelta, expected: str) -> None:
    assert outcome(EXPIRED, override(BOOKING, "pending"), now=NOW + passed) == expected


def test_a_reinstated_booking_is_as_if_it_had_never_been_cancelled() -> None:
    back = then(EXPIRED, override(BOOKING, "confirmed"), now=LATER)
    assert (back.cancellation_reason, back.cancelled_by, back.cancelled_at, back.expired_at, back.auto_cancelled) == (
        None,
        None,
        None,
        None,
        False,
    )
    assert (back.status, back.taken, back.last_status_update_at) == ("confirmed", back.slot, LATER)


@pytest.mark.parametrize(
    ("target", "expected"),
    [("pending", "pending"), ("confirmed", "slot-taken"), ("awaiting_confirmation", "slot-taken"), ("cancelled", "cancelled")],
)
def test_an_override_takes_no_time_that_another_booking_has(target: Target, expected: str) -> None:
    assert outcome(replace(COMPLETED, booking_date=START), override(BOOKING, target), taken(START)) == expected


PAID_BACK = then(PREPAID, captured(BOOKING), accept(BOOKING), expire(BOOKING, 4), refund_requested(BOOKING))
MONEY: list[tuple[str, Booking, Target, str | None, str]] = [
    ("completed only when paid", AWAITING, "completed", None, "money-inconsistent"),
    ("completed when paid", then(AWAITING, captured(BOOKING)), "completed", None, "completed"),
    ("with some of it given back", then(AWAITING, captured(BOOKING)), "completed", "1500.00", "completed"),
    ("more than there is", then(AWAITING, captured(BOOKING)), "completed", "1500.01", "money-inconsistent"),
    ("more than there is, on cancelling", PENDING, "cancelled", "0.01", "money-inconsistent"),
    ("what there is, on cancelling", COMPLETED, "cancelled", "1500.00", "cancelled"),
    ("nothing, on cancelling", COMPLETED, "cancelled", None, "cancelled"),
    ("reopened with its money", COMPLETED, "awaiting_confirmation", None, "awaiting_confirmation"),
    ("reopened while money goes back", COMPLETED, "awaiting_confirmation", "1.00", "money-inconsistent"),
    ("not authorised", PREPAID, "pending", None, "money-inconsistent"),
    ("authorised", then(PREPAID, authorized(BOOKING), expire(BOOKING, 3)), "pending", None, "pending"),
    (
        "no longer authorised",
        then(PREPAID, authorized(BOOKING), expire(BOOKING, 3), voided(BOOKING)),
        "pending",
        None,
        "money-inconsistent",
    ),
    ("paid back", PAID_BACK, "confirmed", None, "money-inconsistent"),
    ("paid back, completed", PAID_BACK, "completed", None, "money-inconsistent"),
    ("captured twice", then(AWAITING, captured(BOOKING), captured(BOOKING)), "completed", None, "money-inconsistent"),
    ("a failed payment", then(PENDING, failed(BOOKING)), "confirmed", None, "confirmed"),
]


@pytest.mark.parametrize(("before", "target", "refund", "expected"), [each[1:] for each in MONEY], ids=[each[0] for each in MONEY])
def test_an_override_keeps_the_money_consistent(before: Booking, target: Target, refund: str | None, expected: str) -> None:
    assert outcome(before, override(BOOKING, target, refund=refund)) == expected


def test_an_override_says_from_where_to_where_when_and_how_much_goes_back() -> None:
    (event,) = events_of(COMPLETED, override(BOOKING, "cancelled", refund="10.00"))
    assert event.data.model_dump(by_alias=True) == {
        "status": "cancelled",
        "from": "completed",
        "target": "cancelled",
        "reason": "agreed by phone",
        "booking_date": START,
        "ends_at": START + HOUR,
        "refund_amount": Decimal("10.00"),
    }


TOLD: list[tuple[Target, dict[str, Any]]] = [
    ("pending", {"pending_since": LATER, "confirmation_requested_at": None, "confirmed_by": None, "completed_at": None}),
    ("confirmed", {"pending_since": NOW, "confirmation_requested_at": None, "confirmed_by": None, "completed_at": None}),
    ("awaiting_confirmation", {"confirmation_requested_at": LATER, "confirmed_by": None, "completed_at": None, "auto_confirm_at": None}),
    ("cancelled", {"cancelled_at": LATER, "cancellation_reason": "admin", "cancellation_note": "agreed by phone", "completed_at": None}),
]


@pytest.mark.parametrize(("target", "expected"), TOLD)
def test_an_override_takes_back_what_the_target_contradicts(target: Target, expected: dict[str, Any]) -> None:
    overridden = then(COMPLETED, override(BOOKING, target), now=LATER)
    assert {name: getattr(overridden, name) for name in expected} == expected
    assert (overridden.status, overridden.delivered_at, overridden.disputed) == (target, NOW, False)


@pytest.mark.parametrize(("target", "paid"), [("completed", [captured(BOOKING)]), ("cancelled", [])])
def test_an_override_ends_a_dispute(target: Target, paid: list[Message[Cause]]) -> None:
    ended = then(AWAITING, *paid, dispute(BOOKING), override(BOOKING, target))
    assert (ended.status, ended.disputed, ended.dispute_reason) == (target, False, None)
    assert ended.completed_at == (NOW if target == "completed" else None)


def test_a_reopened_delivery_is_completed_by_the_next_confirmation() -> None:
    assert then(COMPLETED, override(BOOKING, "awaiting_confirmation"), confirm(BOOKING)).status == "completed"


def test_what_an_admin_cancelled_stays_cancelled() -> None:
    assert outcome(then(COMPLETED, override(BOOKING, "cancelled")), override(BOOKING, "completed")) == "invalid-transition"
    assert (
        outcome(then(PENDING, expire(BOOKING, expires_at=DEADLINE), override(BOOKING, "pending")), override(BOOKING, "pending"))
        == "unchanged"
    )
