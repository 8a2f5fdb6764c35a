"""Fees: every reason to cancel, which policy is in force, and rounding to the cent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given, strategies as st

from contracts.events import BookingCancelled, CancellationReason
from services.payments.policy import CENT, UNSET, Owed, Policy, depends_on_policy, fee, in_force, refund

START = datetime(2026, 11, 20, 6, tzinfo=UTC)
NOW = START - timedelta(hours=10)
TICK, DAY = timedelta(microseconds=1), timedelta(days=1)
CAPTURED = Decimal("1500.00")
FEES = Policy("plumbing", 3, NOW - DAY, cancel_fee_percent=Decimal(10), no_show_fee_percent=Decimal(50))
amounts = st.decimals(Decimal("0.00"), Decimal("99999999.99"), places=2)
percents = st.floats(0, 100).map(lambda number: Decimal(str(number)))


def cancelled(reason: CancellationReason = "customer", at: datetime = NOW) -> BookingCancelled:
    return BookingCancelled(
        status="cancelled",
        previous_status="confirmed",
        cancellation_reason=reason,
        cancellation_note=None,
        cancelled_by="system:booking",
        cancelled_at=at,
        auto_cancelled=False,
        booking_date=START,
    )


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("expired", "0.00"),
        ("declined", "0.00"),
        ("customer", "150.00"),
        ("provider", "0.00"),
        ("admin", "0.00"),
        ("maintenance", "0.00"),
        ("payment-failed", "0.00"),
        ("no_show_customer", "750.00"),
        ("no_show_provider", "0.00"),
    ],
)
def test_a_late_cancellation_costs_what_its_reason_says(reason: CancellationReason, kept: str) -> None:
    assert refund(CAPTURED, cancelled(reason), FEES) == Owed(CAPTURED - Decimal(kept), Decimal(kept))
    assert depends_on_policy(cancelled(reason)) == (kept != "0.00")


def test_every_reason_has_an_answer() -> None:
    for reason in get_args(CancellationReason):
        owed = refund(CAPTURED, cancelled(reason), UNSET)
        assert owed == Owed(CAPTURED, Decimal("0.00"))


@pytest.mark.parametrize(
    ("hours_before", "later_by", "kept"),
    [
        ("24", -TICK, 0),
        ("24", timedelta(0), 0),
        ("24", TICK, 150),
        ("24", 2 * DAY, 150),
        ("0", timedelta(0), 0),
        ("0", TICK, 150),
        ("1.5", TICK, 150),
    ],
)
def test_only_later_than_the_free_hours_before_the_start_is_late(hours_before: str, later_by: timedelta, kept: int) -> None:
    at = START - timedelta(hours=float(hours_before)) + later_by
    policy = replace(FEES, free_cancel_hours=Decimal(hours_before))
    assert refund(CAPTURED, cancelled(at=at), policy).fee == kept


def test_the_fee_of_a_customer_who_never_came_asks_for_no_hour() -> None:
    assert refund(CAPTURED, cancelled("no_show_customer", START - 9 * DAY), FEES).fee == 750


@pytest.mark.parametrize(
    ("amount", "percent", "kept"),
    [
        ("0.10", "5", "0.01"),
        ("0.09", "5", "0.00"),
        ("1.01", "50", "0.51"),
        ("100.00", "12.345", "12.35"),
        ("99999999.99", "100", "99999999.99"),
    ],
)
def test_a_fee_is_rounded_half_up_to_the_cent(amount: str, percent: str, kept: str) -> None:
    assert str(fee(Decimal(amount), Decimal(percent))) == kept


@given(amounts, percents)
def test_fees_agree_with_fractions(amount: Decimal, percent: Decimal) -> None:
    exact = Fraction(amount) * Fraction(percent)
    assert fee(amount, percent) == Decimal(int(exact + Fraction(1, 2))) * CENT


@given(amounts, percents)
def test_refund_and_fee_are_what_was_captured(amount: Decimal, percent: Decimal) -> None:
    owed = refund(amount, cancelled(), replace(FEES, cancel_fee_percent=percent))
    assert owed.amount + owed.fee == amount
    assert min(owed.amount, owed.fee) >= 0
    assert owed.amount == owed.amount.quantize(CENT, ROUND_HALF_UP)


@given(amounts, percents, percents)
def test_a_higher_fee_never_gives_more_back(amount: Decimal, one: Decimal, other: Decimal) -> None:
    less, more = sorted((one, other))
    backs = [refund(amount, cancelled(), replace(FEES, cancel_fee_percent=percent)).amount for percent in (less, more)]
    assert backs[0] >= backs[1]


def test_the_highest_version_in_force_wins_and_its_own_instant_counts() -> None:
    policies = [replace(FEES, version=n, effective_at=NOW + (n - 2) * DAY) for n in (3, 1, 2)]
    assert [in_force(policies, "plumbing", at).version for at in (NOW - TICK, NOW, NOW + DAY - TICK, NOW + DAY)] == [1, 2, 2, 3]
    assert in_force([*policies, replace(FEES, version=9, effective_at=NOW - 5 * DAY)], "plumbing", NOW + DAY).version == 9


def test_the_policy_of_the_category_goes_before_the_default_one_whole() -> None:
    default = Policy("*", 7, NOW - DAY, cancel_fee_percent=Decimal(30), no_show_fee_percent=Decimal(60))
    assert in_force([default, FEES], "plumbing", NOW) == FEES
    assert in_force([default, FEES], "tutoring", NOW) == default
    assert in_force([default, replace(FEES, effective_at=NOW + TICK)], "plumbing", NOW) == default


def test_without_a_policy_in_force_it_is_version_0_which_keeps_nothing() -> None:
    assert in_force([replace(FEES, effective_at=NOW + TICK)], "plumbing", NOW) == UNSET
    assert Policy("*", 0, UNSET.effective_at, Decimal(0), Decimal(24), Decimal(0)) == UNSET
