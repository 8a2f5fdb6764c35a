"""Where hours end when days off do not count: rolled to a working day, or paused; in local dates of any zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from contracts.parts import Adjust
from contracts.policies import Weekday
from services.expiry.adjusting import adjusted, plus
from services.expiry.calendar import Calendar
from services.expiry.shipped import shipped
from tests.working_days import A_DAY, calendar, paused_slowly, rolled_slowly

KATHMANDU, NEW_YORK = "Asia/Kathmandu", "America/New_York"
ZONES = (KATHMANDU, NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "UTC")
NEPAL = shipped()["NP"][0]
SATURDAYS, SUNDAYS = calendar("sat"), calendar("sun")
WEEKEND: list[Weekday] = ["fri", "sat", "sun"]
TICK = timedelta(microseconds=1)

dates = st.dates(date(2026, 2, 1), date(2026, 12, 1))
calendars = st.builds(
    lambda weekend, holidays, working, closures: calendar(
        *weekend,
        holidays=dict.fromkeys(holidays, "holiday"),
        working_days=dict.fromkeys(working, "override"),
        closures=dict.fromkeys(closures, "closure"),
    ),
    st.sets(st.sampled_from(WEEKEND)),
    st.sets(dates, max_size=40),
    st.sets(dates, max_size=10),
    st.sets(dates, max_size=20),
)
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2026, 2, 1), datetime(2026, 12, 1), timezones=st.just(UTC))
whole_minutes = instants.map(lambda at: at.replace(second=0, microsecond=0))
hours = st.floats(0.001, 200)
adjustments = st.sampled_from(["none", "pause"])


def at(adjust: Adjust, anchor: datetime, length: float, zone: str, days: Calendar | None) -> datetime:
    found = adjusted(adjust, anchor, length, zone, days).at
    assert found is not None
    return found


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[arg-type,misc]


@given(adjustments, instants, hours, hours, zones, calendars)
def test_more_hours_never_end_earlier(adjust: Adjust, anchor: datetime, one: float, other: float, zone: str, days: Calendar) -> None:
    less, more = sorted((one, other))
    assert at(adjust, anchor, less, zone, days) <= at(adjust, anchor, more, zone, days)


@given(adjustments, instants, instants, hours, zones, calendars)
def test_a_later_anchor_never_ends_earlier(
    adjust: Adjust, one: datetime, other: datetime, length: float, zone: str, days: Calendar
) -> None:
    first, second = sorted((one, other))
    assert at(adjust, first, length, zone, days) <= at(adjust, second, length, zone, days)


@given(instants, instants, hours, zones, calendars)
def test_a_later_local_date_never_rolls_to_an_earlier_one(one: datetime, other: datetime, length: float, zone: str, days: Calendar) -> None:
    place = ZoneInfo(zone)
    plain = [plus(anchor, length).astimezone(place).date() for anchor in (one, other)]
    rolled = [at("roll_forward", anchor, length, zone, days).astimezone(place).date() for anchor in (one, other)]
    assert (plain[0] > plain[1]) <= (rolled[0] >= rolled[1])
    assert (plain[0] < plain[1]) <= (rolled[0] <= rolled[1])


@given(st.sampled_from(["roll_forward", "pause"]), instants, hours, zones, calendars)
def test_nothing_ends_earlier_than_without_days_off(adjust: Adjust, anchor: datetime, length: float, zone: str, days: Calendar) -> None:
    found = adjusted(adjust, anchor, length, zone, days)
    assert found.at is not None
    assert found.at >= plus(anchor, length)
    assert found.at == plus(anchor, length) or found.skipped


@given(instants, hours, zones, calendars)
def test_what_is_rolled_lands_on_a_working_day(anchor: datetime, length: float, zone: str, days: Calendar) -> None:
    landed = at("roll_forward", anchor, length, zone, days).astimezone(ZoneInfo(zone))
    assert days.closed(landed.date()) is None


@settings(max_examples=60)
@given(whole_minutes, st.integers(1, 4000), zones, calendars)
def test_pausing_counts_exactly_the_minutes_of_working_days(anchor: datetime, minutes: int, zone: str, days: Calendar) -> None:
    assert at("pause", anchor, minutes / 60, zone, days) == paused_slowly(anchor, minutes, ZoneInfo(zone), days)


@settings(max_examples=60)
@given(whole_minutes, st.integers(1, 4000), zones, calendars)
def test_rolling_ends_where_looking_at_every_minute_ends(anchor: datetime, minutes: int, zone: str, days: Calendar) -> None:
    expected = rolled_slowly(plus(anchor, minutes / 60), ZoneInfo(zone), days)
    assert at("roll_forward", anchor, minutes / 60, zone, days) == expected


def test_dashain_in_kathmandu_is_skipped_day_by_day() -> None:
    anchor = local(KATHMANDU, 2026, 10, 16, 10, 30)
    found = adjusted("roll_forward", anchor, 24, KATHMANDU, NEPAL)
    assert found.at == local(KATHMANDU, 2026, 10, 23, 10, 30) == datetime(2026, 10, 23, 4, 45, tzinfo=UTC)
    assert [(day.date.day, day.why, day.name) for day in found.skipped] == [
        (17, "weekend", "Saturday"),
        (18, "holiday", "Fulpati"),
        (19, "holiday", "Maha Ashtami; Maha Navami"),
        (20, "holiday", "Bijaya Dashami"),
        (21, "holiday", "Ekadashi (Dashain)"),
        (22, "holiday", "Duwadashi (Dashain)"),
    ]


def test_the_local_date_decides_and_not_that_of_utc() -> None:
    late_on_friday = datetime(2026, 11, 20, 18, 14, 59, 999999, tzinfo=UTC)
    assert at("roll_forward", late_on_friday - A_DAY, 24, KATHMANDU, SATURDAYS) == late_on_friday
    assert at("roll_forward", late_on_friday + TICK - A_DAY, 24, KATHMANDU, SATURDAYS) == late_on_friday + TICK + A_DAY


def test_hours_that_end_at_midnight_end_that_day_and_begin_at_the_next_working_one() -> None:
    midnight = local(KATHMANDU, 2026, 11, 21)
    assert at("pause", midnight - A_DAY, 24, KATHMANDU, SATURDAYS) == midnight
    assert at("pause", midnight, 1, KATHMANDU, SATURDAYS) == midnight + A_DAY + timedelta(hours=1)
    assert at("pause", midnight - A_DAY + TICK, 24, KATHMANDU, SATURDAYS) == midnight + A_DAY + TICK
    assert at("pause", midnight + timedelta(hours=9), 24, KATHMANDU, SATURDAYS) == midnight + 2 * A_DAY


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        ((2026, 3, 7, 2, 30), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),  # 02:30 is skipped: 03:30 EDT
        ((2026, 3, 7, 1, 59), datetime(2026, 3, 8, 6, 59, tzinfo=UTC)),
        ((2026, 3, 7, 3, 0), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ((2026, 10, 31, 1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # 01:30 comes twice: the first, EDT
        ((2026, 10, 31, 2, 0), datetime(2026, 11, 1, 7, 0, tzinfo=UTC)),
    ],
)
def test_rolling_over_a_change_of_clocks_keeps_the_wall_time(wall: tuple[int, ...], expected: datetime) -> None:
    assert at("roll_forward", local(NEW_YORK, *wall) - A_DAY, 24, NEW_YORK, SATURDAYS) == expected


def test_a_skipped_wall_time_moves_once_at_the_final_date() -> None:
    both = calendar("sat", "sun")
    assert at("roll_forward", local(NEW_YORK, 2026, 3, 7, 2, 30) - A_DAY, 24, NEW_YORK, both) == local(NEW_YORK, 2026, 3, 9, 2, 30)


def test_what_is_not_rolled_stays_at_the_second_of_two_equal_wall_times() -> None:
    second = local(NEW_YORK, 2026, 11, 1, 1, 30, fold=1)
    assert at("roll_forward", second - A_DAY, 24, NEW_YORK, SATURDAYS) == second
    assert at("roll_forward", second - A_DAY, 24, NEW_YORK, SUNDAYS) == local(NEW_YORK, 2026, 11, 2, 1, 30)


@pytest.mark.parametrize(("day", "length"), [((2026, 3, 8), 23), ((2026, 11, 1), 25)])
def test_a_day_on_which_clocks_change_counts_as_long_as_it_is(day: tuple[int, int, int], length: int) -> None:
    midnight, mondays = local(NEW_YORK, *day), calendar("mon")
    assert at("pause", midnight, length, NEW_YORK, mondays) == midnight + timedelta(hours=length)
    assert at("pause", midnight, length + 1, NEW_YORK, mondays) == midnight + timedelta(hours=length + 25)


@pytest.mark.parametrize("adjust", ["roll_forward", "pause"])
def test_a_deadline_that_needs_a_day_of_another_year_is_not_known(adjust: Adjust) -> None:
    covered = calendar("thu", years=(2026, 2026))
    anchor = local("UTC", 2026, 12, 30)
    assert adjusted(adjust, anchor, 24, "UTC", covered).at == (anchor + A_DAY if adjust == "pause" else None)
    assert adjusted(adjust, anchor, 25, "UTC", covered).at is None
    assert adjusted(adjust, local("UTC", 2025, 12, 31, 12), 1, "UTC", covered).at is None
    assert adjusted(adjust, anchor, 24, "UTC", None).at is None


def test_hours_taken_as_they_are_need_no_calendar() -> None:
    assert at("none", datetime(2099, 1, 2, tzinfo=UTC), 0.5, KATHMANDU, None) == datetime(2099, 1, 2, 0, 30, tzinfo=UTC)
