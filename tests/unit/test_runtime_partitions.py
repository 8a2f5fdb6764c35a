"""Which month an id belongs to, and which months are made ahead."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from contracts.ids import booking_instant, new_id
from services.runtime.partitions import following, lowest_id, month_of, months_ahead

months = st.dates(date(2000, 1, 1), date(2200, 12, 31)).map(month_of)
FIRST_MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("month", "after"),
    [(date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 11, 1), date(2026, 12, 1)), (date(2026, 12, 1), date(2027, 1, 1))],
)
def test_december_is_followed_by_january(month: date, after: date) -> None:
    assert following(month) == after


@given(st.dates(date(2000, 1, 1), date(2200, 12, 31)))
def test_every_day_lies_in_its_month_and_before_the_next(day: date) -> None:
    assert month_of(day) <= day < following(month_of(day))
    assert month_of(day).day == following(month_of(day)).day == 1


@given(months)
def test_the_lowest_id_is_at_the_first_millisecond_of_its_month(month: date) -> None:
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    assert booking_instant(lowest_id(month)) == start
    assert lowest_id(month).int == int(start.timestamp() * 1000) << 80


def test_a_new_id_lies_between_the_bounds_of_this_month() -> None:
    fresh = new_id()
    month = month_of(booking_instant(fresh).date())
    assert lowest_id(month) <= fresh < lowest_id(following(month))


def test_the_months_run_from_the_first_asked_for_to_three_ahead() -> None:
    assert months_ahead(date(2026, 10, 31), date(2026, 11, 30)) == [date(2026, 10 + n, 1) for n in range(3)] + [
        date(2027, 1, 1),
        date(2027, 2, 1),
    ]


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)), st.dates(date(2000, 1, 1), date(2040, 1, 1)))
def test_no_month_is_left_out(first: date, today: date) -> None:
    made = months_ahead(first, today)
    assert made[0] == month_of(first)
    assert all(following(one) == other for one, other in pairwise(made))
    assert made[-1] == max(month_of(first), following(following(following(month_of(today)))))
