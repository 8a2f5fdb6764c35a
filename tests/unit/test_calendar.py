"""On which days nobody works, and Nepal's own ones."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.policies import CalendarPublished
from services.expiry.calendar import Calendar, Closed
from services.expiry.shipped import shipped
from tests.working_days import calendar

NEPAL = shipped()["NP"][0]
SATURDAY, SUNDAY, MONDAY = date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)
DATA: dict[str, Any] = {
    "calendar": "NP",
    "calendar_version": "np-2027.1",
    "effective_at": "2026-12-01T00:00:00Z",
    "years": [2026, 2027],
    "weekends": [{"from": "2026-11-22", "days": ["sat", "sun"]}, {"from": "1900-01-01", "days": ["sat"]}],
    "holidays": [{"date": "2026-11-23", "name": "A day"}],
    "working_days": [],
    "closures": [],
}


def test_nepals_calendar_is_shipped_with_its_version_and_years() -> None:
    assert (NEPAL.name, NEPAL.version, NEPAL.effective_at, NEPAL.years) == ("NP", "np-2026.1", None, (2014, 2030))
    assert len(NEPAL.holidays) == 503


@pytest.mark.parametrize(
    ("day", "why", "name"),
    [
        (date(2014, 1, 14), "holiday", "Maghe Sankranti"),
        (date(2026, 10, 17), "weekend", "Saturday"),
        (date(2026, 10, 20), "holiday", "Bijaya Dashami"),
        (date(2026, 11, 8), "holiday", "Laxmi Pooja"),
        (date(2030, 10, 26), "weekend", "Saturday"),  # and Gai Tihar
        (date(2030, 12, 31), "holiday", "Tamu Lhochhar"),
    ],
)
def test_days_off_in_nepal(day: date, why: str, name: str) -> None:
    assert NEPAL.closed(day) == Closed(day, why, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("day", [SUNDAY, MONDAY, date(2026, 10, 23), date(2026, 10, 25)])
def test_sundays_and_other_days_are_worked_on_in_nepal(day: date) -> None:
    assert NEPAL.closed(day) is None


def test_a_calendar_knows_its_years_only() -> None:
    edges = [date(2013, 12, 31), date(2014, 1, 1), date(2030, 12, 31), date(2031, 1, 1)]
    assert [NEPAL.covers(day) for day in edges] == [False, True, True, False]


def test_a_working_day_takes_weekends_and_holidays_back() -> None:
    worked = {SATURDAY: "Catching up", MONDAY: "Catching up"}
    days = calendar("sat", holidays={MONDAY: "Feast"}, working_days=worked)
    assert days.closed(SATURDAY) is days.closed(MONDAY) is None


def test_a_closure_holds_on_any_day() -> None:
    shut = dict.fromkeys((SATURDAY, SUNDAY, MONDAY), "Strike")
    days = calendar("sat", holidays={SUNDAY: "Feast"}, working_days={MONDAY: "Catching up"}, closures=shut)
    assert [days.closed(day) for day in (SATURDAY, SUNDAY, MONDAY)] == [
        Closed(SATURDAY, "weekend", "Saturday"),
        Closed(SUNDAY, "holiday", "Feast"),
        Closed(MONDAY, "closure", "Strike"),
    ]


def test_a_weekend_holds_from_its_date_on() -> None:
    days = Calendar.of(CalendarPublished.model_validate(DATA, strict=False))
    assert days.closed(date(2026, 11, 15)) is None
    assert [days.closed(day) for day in (SATURDAY, SUNDAY)] == [
        Closed(SATURDAY, "weekend", "Saturday"),
        Closed(SUNDAY, "weekend", "Sunday"),
    ]
    assert days.closed(MONDAY) == Closed(MONDAY, "holiday", "A day")
    assert days.effective_at == datetime(2026, 12, 1, tzinfo=UTC)
