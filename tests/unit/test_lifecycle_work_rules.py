"""The rules of work that a cell alone does not show: when, with what evidence, who says so, and what stays on record."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts.actors import Actor
from contracts.events import ConfirmationRequested
from contracts.message import Message
from services.booking.lifecycle import Cause, Facts, decide
from services.booking.state import Booking, evolve
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    HOUR,
    NOW,
    PROVIDER,
    START,
    SYSTEM,
    TICK,
    accept,
    after,
    confirm,
    create,
    deliver,
    dispute,
    events_of,
    no_show,
    outcome,
    photo,
    review,
    then,
)
from tests.payment_facts import captured

CONFIRMED = after(create(BOOKING), accept(BOOKING))
AWAITING = then(CONFIRMED, deliver(BOOKING))
AGREED = then(AWAITING, confirm(BOOKING))
COMPLETED = then(AGREED, captured(BOOKING))


@pytest.mark.parametrize(
    ("now", "expected"),
    [(START - 2 * HOUR - TICK, "too-early"), (START - 2 * HOUR, "awaiting_confirmation"), (NOW, "awaiting_confirmation")],
)
def test_a_delivery_is_noted_from_two_hours_before_the_date_on(now: datetime, expected: str) -> None:
    assert outcome(CONFIRMED, deliver(BOOKING), now=now) == expected


@pytest.mark.parametrize(
    ("requires", "least", "shown", "expected"),
    [
        (False, 0, 0, "awaiting_confirmation"),
        (False, 3, 0, "awaiting_confirmation"),
        (True, 0, 0, "evidence-required"),
        (True, 0, 1, "awaiting_confirmation"),
        (True, 3, 2, "evidence-required"),
        (True, 3, 3, "awaiting_confirmation"),
        (True, 10, 10, "awaiting_confirmation"),
    ],
)
def test_a_delivery_shows_the_photos_that_were_asked_for(requires: bool, least: int, shown: int, expected: str) -> None:
    asking = replace(CONFIRMED, requires_photos=requires, min_photos=least)
    assert outcome(asking, deliver(BOOKING, photos=shown)) == expected


def test_a_delivery_stays_on_record_with_photos_and_notes() -> None:
    done = then(CONFIRMED, deliver(BOOKING, photos=2, notes="new washer", recommendations="again in May"))
    assert (done.photos, done.delivery_notes, done.recommendations) == ((photo(0), photo(1)), "new washer", "again in May")
    assert (done.delivered_at, done.confirmation_requested_at, done.last_status_update_at) == (NOW, NOW, NOW)


@pytest.mark.parametrize(("after_hours", "expected"), [(None, None), (48, NOW + 48 * HOUR)])
def test_the_customer_is_told_until_when_to_answer(after_hours: int | None, expected: datetime | None) -> None:
    terms = Facts(auto_confirm_after=timedelta(hours=after_hours) if after_hours else None)
    decision = decide(CONFIRMED, deliver(BOOKING), terms, NOW)
    assert isinstance(decision, tuple)
    assert isinstance(asked := decision[-1].data, ConfirmationRequested)
    assert (asked.amount_due, asked.currency, asked.auto_confirm_at) == (Decimal("1500.00"), "NPR", expected)


def unanswered(*messages: Message[Cause]) -> Booking:
    """A delivery to be answered within an hour, after `messages`."""
    booking: Booking = CONFIRMED
    decision = decide(CONFIRMED, deliver(BOOKING), Facts(auto_confirm_after=HOUR), NOW)
    assert isinstance(decision, tuple)
    for event in decision:
        booking = evolve(booking, event)
    return then(booking, *messages)


@pytest.mark.parametrize(
    ("messages", "now", "expected"),
    [
        ([], NOW + HOUR - TICK, "too-early"),
        ([], NOW + HOUR, "awaiting_confirmation"),
        ([captured(BOOKING)], NOW + HOUR, "completed"),
        ([dispute(BOOKING)], NOW + HOUR, "disputed"),
    ],
)
def test_the_system_confirms_what_was_not_answered_in_time(messages: list[Message[Cause]], now: datetime, expected: str) -> None:
    assert outcome(unanswered(*messages), confirm(BOOKING, SYSTEM), now=now) == expected


def test_what_the_system_confirmed_is_completed_as_such() -> None:
    confirmed = then(unanswered(), confirm(BOOKING, SYSTEM), now=NOW + HOUR)
    assert (confirmed.confirmed_by, confirmed.auto_confirmed, confirmed.delivery_confirmed_at) == (str(SYSTEM), True, NOW + HOUR)
    *_, end = events_of(confirmed, captured(BOOKING))
    assert end.data.model_dump() == {"status": "completed", "completed_at": NOW, "captured": Decimal("1500.00"), "auto_confirmed": True}


def test_nothing_due_completes_at_once() -> None:
    free = after(create(BOOKING, total_amount=Decimal("0.00")), accept(BOOKING), deliver(BOOKING), confirm(BOOKING))
    assert (free.status, free.completed_at, free.money.captured) == ("completed", NOW, Decimal("0.00"))


def test_a_dispute_takes_the_confirmation_back_and_a_confirmation_ends_the_dispute() -> None:
    disputed = then(AGREED, dispute(BOOKING, reason="drips again"))
    assert (disputed.disputed, disputed.dispute_reason, disputed.delivery_confirmed_at, disputed.confirmed_by) == (
        True,
        "drips again",
        None,
        None,
    )
    agreed = then(disputed, confirm(BOOKING))
    assert (agreed.disputed, agreed.dispute_reason, agreed.confirmed_by) == (False, None, str(CUSTOMER))


@pytest.mark.parametrize(
    ("asked", "expected"), [({}, (None, None, None)), ({"rating": 5}, (5, None, NOW)), ({"rating": 2, "review": "late"}, (2, "late", NOW))]
)
def test_a_confirmation_with_a_rating_is_the_review(asked: dict[str, Any], expected: tuple[Any, ...]) -> None:
    confirmed = then(AWAITING, confirm(BOOKING, **asked))
    assert (confirmed.rating, confirmed.review, confirmed.reviewed_at) == expected
    assert outcome(then(confirmed, captured(BOOKING)), review(BOOKING)) == ("already-reviewed" if asked else "completed")


def test_a_booking_is_reviewed_once_and_a_text_without_a_rating_is_no_review() -> None:
    reviewed = then(COMPLETED, review(BOOKING, rating=1, text="never again"))
    assert (reviewed.rating, reviewed.review, reviewed.reviewed_at) == (1, "never again", NOW)
    assert outcome(reviewed, review(BOOKING, rating=1, text="never again")) == "already-reviewed"
    assert then(AWAITING, confirm(BOOKING, review="fine")).reviewed_at is None


@pytest.mark.parametrize(("now", "expected"), [(START - TICK, "too-early"), (START, "too-early"), (START + TICK, "cancelled")])
def test_nobody_has_failed_to_come_until_the_date_has_passed(now: datetime, expected: str) -> None:
    assert outcome(CONFIRMED, no_show(BOOKING), now=now) == expected


@pytest.mark.parametrize(
    ("actor", "who", "reason"),
    [
        (PROVIDER, None, "no_show_customer"),
        (CUSTOMER, None, "no_show_provider"),
        (PROVIDER, "customer", "no_show_customer"),
        (ADMIN, "customer", "no_show_customer"),
        (ADMIN, "provider", "no_show_provider"),
    ],
)
def test_who_did_not_come_is_the_other_side_or_whom_the_admin_names(actor: Actor, who: Any, reason: str) -> None:
    missed = then(CONFIRMED, no_show(BOOKING, actor, who))
    assert (missed.cancellation_reason, missed.cancelled_by, missed.auto_cancelled, missed.taken) == (reason, str(actor), False, None)


def test_a_customer_confirms_once_and_an_admin_in_its_place_as_often_as_it_likes() -> None:
    assert outcome(AGREED, confirm(BOOKING)) == "unchanged"
    by_admin = then(AGREED, confirm(BOOKING, ADMIN))
    assert (by_admin.confirmed_by, outcome(by_admin, confirm(BOOKING))) == (str(ADMIN), "awaiting_confirmation")
    assert outcome(by_admin, confirm(BOOKING, ADMIN)) == "awaiting_confirmation"
