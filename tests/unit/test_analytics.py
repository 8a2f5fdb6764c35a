"""The formulas of analytics, on counts that are easy to check in the head."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from services.booking.analytics import Bookings, Period, Responses, Revenue, percent, quotient, report, standing_of
from services.booking.figures import Figure

SOME = Bookings(
    total=12,
    completed=5,
    expired=2,
    maintenance=1,
    cancelled_other=1,
    valued=5,
    value=Decimal("1000.03"),
    rated=3,
    stars=14,
)


def test_rates_are_of_what_ended_and_of_all() -> None:
    shown = report(SOME, Responses(), Revenue())
    assert (shown["resolved"], shown["open"]) == (9, 3)
    assert [shown[f"{name}_rate"] for name in ("completion", "auto_cancellation", "other_cancellation")] == ["55.56", "22.22", "22.22"]
    assert shown["completion_rate_of_total"] == "41.67"
    assert shown["other_cancellation_rate_of_total"] == "16.67"


def test_values_ratings_and_revenue_have_two_decimals() -> None:
    shown = report(SOME, Responses(), Revenue(Decimal("12.5"), Decimal("13.005")))
    assert (shown["average_booking_value"], shown["currency"]) == ("200.01", "NPR")
    assert shown["satisfaction"] == {"mean": "4.67", "count": 3}
    assert (shown["revenue_gross"], shown["revenue_net"]) == ("12.50", "-0.51")


def test_seconds_are_exact_to_the_microsecond_and_then_rounded() -> None:
    answers = Responses(answered=4, summed=10_020_000, lower_median=1_000_000, upper_median=1_010_000, p90=7_004_999, in_time=3, due=8)
    assert report(SOME, answers, Revenue())["provider_response"] == {
        "answered": 4,
        "mean_seconds": "2.51",
        "median_seconds": "1.01",
        "p90_seconds": "7.00",
        "response_rate_24h": "37.50",
    }


def test_of_nothing_there_are_no_rates() -> None:
    shown = report(Bookings(), Responses(), Revenue())
    assert {name for name, value in shown.items() if value is None} == {
        *(f"{name}_rate{of}" for name in ("completion", "auto_cancellation", "other_cancellation") for of in ("", "_of_total")),
        "average_booking_value",
    }
    assert (shown["revenue_gross"], shown["satisfaction"]) == ("0.00", {"mean": None, "count": 0})
    assert shown["provider_response"] == dict.fromkeys(("mean_seconds", "median_seconds", "p90_seconds", "response_rate_24h"), None) | {
        "answered": 0
    }


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, None), (0, 3, "0.00"), (3, 3, "100.00"), (1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (1, 80_000, "0.00")],
)
def test_a_rate_has_two_decimals_and_nothing_has_none(part: int, whole: int, text: str | None) -> None:
    assert percent(part, whole) == text


@pytest.mark.parametrize(("dividend", "divisor", "text"), [(1, 8, "0.13"), (5, 1000, "0.01"), (4999, 1_000_000, "0.00"), (2, 3, "0.67")])
def test_halves_are_rounded_up(dividend: int, divisor: int, text: str) -> None:
    assert quotient(dividend, divisor) == text


def test_standings_are_counted_by_window() -> None:
    figures = [
        Figure("standings", ("true", "completed", "NPR"), 2, Decimal(30)),
        Figure("standings", ("false", "completed", "USD"), 1, Decimal(9)),
        Figure("standings", ("true", "cancelled", "NPR"), 1, Decimal(5)),
        Figure("events", ("BookingCreated", "plumbing"), 7),
    ]
    assert standing_of(figures) == Bookings(total=4, completed=3, cancelled_other=1, valued=2, value=Decimal(30))
    assert standing_of(figures, ("true",)).resolved == 3


def test_a_period_begins_and_ends_at_midnight_of_its_zone() -> None:
    november = Period(date(2026, 11, 1), date(2026, 12, 1), "Asia/Kathmandu")
    assert (november.start, november.end) == (datetime(2026, 10, 31, 18, 15, tzinfo=UTC), datetime(2026, 11, 30, 18, 15, tzinfo=UTC))
    assert (len(november.days), november.days[-1]) == (30, date(2026, 11, 30))


def test_a_period_may_be_a_leap_year_and_no_longer() -> None:
    assert len(Period(date(2028, 1, 1), date(2029, 1, 1), "Asia/Kathmandu").days) == 366
    with pytest.raises(ValueError, match="366 days at most, and not 367"):
        Period(date(2028, 1, 1), date(2029, 1, 2), "Asia/Kathmandu")


@pytest.mark.parametrize("last", [date(2026, 11, 1), date(2026, 10, 31)])
def test_a_period_ends_after_it_begins(last: date) -> None:
    with pytest.raises(ValueError, match="should end after 2026-11-01"):
        Period(date(2026, 11, 1), last, "Asia/Kathmandu")
