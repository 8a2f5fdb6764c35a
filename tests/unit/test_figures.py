"""What events of one booking add to the figures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from contracts.actors import Actor
from contracts.events import BookingAccepted, BookingCancelled, BookingNotesEdited, BookingSubmitted, Event, PaymentRecorded
from contracts.message import Message
from services.booking.figures import RESPONSE_BOUNDS, Change, Figure, Request, observed, standing, summed
from tests.builders import ADMIN, BOOKING, CUSTOMER, DEADLINE, EXPIRY, HOUR, NOW, PROVIDER, START, SYSTEM, accept, after, cancel, create

NEPAL = ZoneInfo("Asia/Kathmandu")
ASKED = Request(BOOKING, 2, NOW - 2 * HOUR)
PENDING = after(create(BOOKING))
CONFIRMED = after(create(BOOKING), accept(BOOKING))


def event(data: Event, actor: Actor = PROVIDER, version: int = 3, at: datetime = NOW) -> Message[Event]:
    return Message(str(version), "sewabazaar/booking", str(BOOKING), at, actor, data, aggregate_version=version)


def accepted(actor: Actor = PROVIDER) -> Message[Event]:
    return event(BookingAccepted(status="confirmed", booking_date=START, ends_at=START + HOUR), actor)


def cancelled(reason: str, actor: Actor) -> Message[Event]:
    expired_at = DEADLINE if reason == "expired" else None
    said = {"status": "cancelled", "cancellation_reason": reason, "cancelled_at": NOW, "expired_at": expired_at}
    return event(BookingCancelled.model_construct(None, **cast(Any, said)), actor)


def submitted(version: int = 3) -> Message[Event]:
    return event(BookingSubmitted(status="pending"), SYSTEM, version)


def paid(kind: str, amount: str | None) -> Message[Event]:
    said = {"status": "awaiting_confirmation", "kind": kind, "amount": amount and Decimal(amount)}
    return event(PaymentRecorded.model_construct(None, **cast(Any, said)), SYSTEM)


def figures(change: Change, series: str) -> list[Figure]:
    return [figure for figure in summed(change.figures(NEPAL)) if figure.series == series]


def endings(events: Sequence[Message[Event]], asked: Request | None = ASKED) -> list[tuple[int, Any]]:
    return [(request.version, request.ending) for request in Change(PENDING, CONFIRMED, events, asked).requests()]


def test_a_new_booking_stands_on_its_local_day() -> None:
    late = replace(PENDING, booking_date=datetime(2026, 11, 19, 18, 15, tzinfo=UTC))
    assert figures(Change(None, late, []), "standings") == [Figure("standings", ("2026-11-20", "pending", "NPR"), 1, Decimal("1500.00"))]


def test_a_booking_that_moves_on_leaves_where_it_stood() -> None:
    moved = figures(Change(PENDING, CONFIRMED, [accepted()]), "standings")
    assert [(f.labels[1], f.number, f.amount) for f in moved] == [("confirmed", 1, Decimal(1500)), ("pending", -1, Decimal(-1500))]


def test_a_booking_that_is_rescheduled_changes_its_day() -> None:
    moved = figures(Change(PENDING, replace(PENDING, booking_date=START + timedelta(days=3)), []), "standings")
    assert [(f.labels[0], f.number) for f in moved] == [("2026-11-19", -1), ("2026-11-22", 1)]


def test_what_moves_no_booking_moves_no_standing() -> None:
    edited = event(BookingNotesEdited(status="pending", notes="ring twice"), CUSTOMER)
    assert [f.series for f in summed(Change(PENDING, PENDING, [edited]).figures(NEPAL))] == ["events"]


@pytest.mark.parametrize(
    ("reason", "stands"), [("expired", "expired"), ("maintenance", "maintenance"), ("declined", "cancelled"), ("customer", "cancelled")]
)
def test_expiry_and_maintenance_stand_apart_from_other_cancellations(reason: Any, stands: str) -> None:
    assert standing(replace(after(create(BOOKING), cancel(BOOKING)), cancellation_reason=reason)) == stands


def test_events_count_by_bare_name_and_category() -> None:
    assert figures(Change(PENDING, CONFIRMED, [accepted(), accepted()]), "events") == [Figure("events", ("BookingAccepted", "plumbing"), 2)]


@pytest.mark.parametrize(
    ("event", "ending"),
    [
        (accepted(), "answered"),
        (cancelled("declined", PROVIDER), "answered"),
        (accepted(ADMIN), "other"),
        (cancelled("declined", ADMIN), "other"),
        (cancelled("provider", PROVIDER), "other"),
        (cancelled("customer", CUSTOMER), "customer"),
        (cancelled("expired", EXPIRY), "expired"),
        (cancelled("maintenance", ADMIN), "other"),
    ],
)
def test_only_its_own_provider_answers_a_request(event: Message[Event], ending: str) -> None:
    assert endings([event]) == [(2, ending)]


def test_a_request_begins_whenever_the_booking_becomes_pending() -> None:
    again = [accepted(), submitted(4)]
    assert endings(again) == [(2, "answered"), (4, None)]
    assert endings([submitted(), event(BookingNotesEdited(status="pending", notes=""), CUSTOMER, 4)]) == []


def test_a_request_can_begin_and_end_in_one_batch() -> None:
    (request,) = Change(None, CONFIRMED, [submitted(2), accepted()]).requests()
    assert (request.version, request.requested_at, request.ended_at, request.ending) == (2, NOW, NOW, "answered")


def test_an_answer_is_observed_once_with_its_seconds() -> None:
    assert figures(Change(PENDING, CONFIRMED, [accepted()], ASKED), "responses") == [Figure("responses", ("7200.0",), 1, Decimal(7200))]
    assert figures(Change(PENDING, CONFIRMED, [accepted(ADMIN)], ASKED), "responses") == []


def test_the_lag_of_an_expiry_is_observed() -> None:
    assert figures(Change(PENDING, PENDING, [cancelled("expired", EXPIRY)]), "lags") == [Figure("lags", ("3600.0",), 1, Decimal(3600))]
    assert figures(Change(PENDING, PENDING, [cancelled("customer", CUSTOMER)]), "lags") == []


@pytest.mark.parametrize(("seconds", "bucket"), [(0, "60.0"), (60, "60.0"), (60.5, "300.0"), (172_800, "172800.0"), (172_801, "+Inf")])
def test_a_bucket_holds_what_is_not_above_its_bound(seconds: float, bucket: str) -> None:
    assert observed("responses", RESPONSE_BOUNDS, timedelta(seconds=seconds)).labels == (bucket,)


def test_money_moves_when_it_is_captured_or_back() -> None:
    facts = [
        paid("PaymentAuthorized", "9.00"),
        paid("PaymentCaptured", "5.00"),
        paid("RefundRequested", "2.00"),
        paid("RefundSettled", "1.50"),
    ]
    moved = [(s.captured, s.refunded) for s in Change(CONFIRMED, CONFIRMED, facts).settlements()]
    assert moved == [(Decimal("5.00"), Decimal(0)), (Decimal(0), Decimal("1.50"))]


def test_money_of_another_currency_does_not_count() -> None:
    assert list(Change(CONFIRMED, CONFIRMED, [paid("PaymentCaptured", None)]).settlements()) == []
