"""When a provider is free, against examples and against a reference that looks at every minute."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from services.directory.slots import WEEKDAYS, Diary, Hours, Interval, Leave

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
KATHMANDU, NEW_YORK = "Asia/Kathmandu", "America/New_York"
SUNDAY = date(2026, 11, 15)


def at(text: str) -> datetime:
    """An instant, given in Nepal's wall time."""
    return datetime.fromisoformat(f"2026-11-{text}:00+05:45").astimezone(UTC)


def slot(begin: str, end: str) -> Interval:
    return Interval(at(begin), at(end))


def begins(diary: Diary, since: str, duration: timedelta = HOUR, number: int = 3) -> list[str]:
    """When the next free slots begin, in Nepal's wall time."""
    found = islice(diary.free_slots(at(since), at(since) + 14 * DAY, duration), number)
    return [f"{each.begins_at.astimezone(ZoneInfo(KATHMANDU)):%dT%H:%M}" for each in found]


def daily(zone: str, *spans: list[str]) -> Hours:
    return Hours(zone, {day: list(spans) for day in WEEKDAYS})


@pytest.mark.parametrize(
    ("diary", "since", "duration", "expected"),
    [
        (Diary(), "15T05:00", HOUR, ["15T09:00", "15T10:00", "15T11:00"]),
        (Diary(), "15T10:00", HOUR, ["15T10:00", "15T11:00", "15T12:00"]),
        (Diary(), "15T10:01", HOUR, ["15T11:00", "15T12:00", "15T13:00"]),
        (Diary(), "15T16:30", HOUR, ["15T17:00", "16T09:00", "16T10:00"]),
        (Diary(), "20T16:30", HOUR, ["20T17:00", "22T09:00", "22T10:00"]),
        (Diary(), "15T05:00", 4 * HOUR, ["15T09:00", "15T13:00", "16T09:00"]),
        (Diary(), "15T05:00", 9 * HOUR, ["15T09:00", "16T09:00", "17T09:00"]),
        (Diary(), "15T05:00", 9 * HOUR + MINUTE, []),
        (Diary(Hours(weekly={})), "15T05:00", HOUR, []),
        (Diary(daily(KATHMANDU, ["22:00", "24:00"])), "15T23:00", HOUR, ["15T23:00", "16T22:00", "16T23:00"]),
        (Diary(daily(KATHMANDU, ["09:00", "11:30"], ["13:00", "14:00"])), "15T05:00", HOUR, ["15T09:00", "15T10:00", "15T13:00"]),
        (Diary(leave=(Leave(SUNDAY, date(2026, 11, 17)),)), "15T05:00", HOUR, ["17T09:00", "17T10:00", "17T11:00"]),
        (Diary(busy=(slot("15T10:00", "15T11:00"),)), "15T05:00", HOUR, ["15T09:00", "15T11:00", "15T12:00"]),
        (Diary(busy=(slot("15T10:30", "15T11:30"),)), "15T05:00", HOUR, ["15T09:00", "15T12:00", "15T13:00"]),
        (Diary().without(slot("15T09:00", "15T10:00")), "15T05:00", HOUR, ["15T10:00", "15T11:00", "15T12:00"]),
    ],
)
def test_the_next_free_slots(diary: Diary, since: str, duration: timedelta, expected: list[str]) -> None:
    assert begins(diary, since, duration) == expected


def test_no_slot_begins_later_than_the_end_of_the_search() -> None:
    found = list(Diary().free_slots(at("15T09:00"), at("15T11:00"), HOUR))
    assert found == [slot("15T09:00", "15T10:00"), slot("15T10:00", "15T11:00"), slot("15T11:00", "15T12:00")]


@pytest.mark.parametrize(
    ("begin", "end", "free"),
    [
        ("15T09:00", "15T18:00", True),
        ("15T08:59", "15T10:00", False),
        ("15T17:00", "15T18:01", False),
        ("15T17:00", "16T10:00", False),
        ("21T10:00", "21T11:00", False),
        ("17T10:00", "17T11:00", False),
        ("16T10:15", "16T11:00", True),
        ("16T11:00", "16T12:00", False),
        ("16T12:00", "16T13:00", True),
    ],
    ids=["whole day", "too early", "too late", "overnight", "Saturday", "leave", "touches", "busy", "touches after"],
)
def test_a_slot_is_free_in_working_hours_beside_leave_and_what_is_busy(begin: str, end: str, free: bool) -> None:
    diary = Diary(leave=(Leave(date(2026, 11, 17), date(2026, 11, 18)),), busy=(slot("16T11:00", "16T12:00"),))
    assert diary.is_free(slot(begin, end)) is free


def test_wall_time_that_a_zone_skips_is_later_and_what_it_repeats_is_the_first() -> None:
    hours = daily(NEW_YORK)
    assert hours.instant(date(2026, 3, 8), "02:30") == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    assert hours.instant(date(2026, 11, 1), "01:30") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert hours.period(Leave(date(2026, 11, 1), date(2026, 11, 2))).ends_at == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_a_duration_of_nothing_has_no_slots() -> None:
    assert list(Diary().free_slots(at("15T09:00"), at("16T09:00"), timedelta(0))) == []


@cache
def wall_minutes(zone: str, day: date) -> dict[datetime, datetime]:
    """Every minute around a local date: the first instant at which a clock on the wall shows it."""
    first = datetime.combine(day, time(), UTC) - 15 * HOUR
    shown: dict[datetime, datetime] = {}
    for number in range(60 * 60):
        minute = first + number * MINUTE
        shown.setdefault(minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None), minute)
    return shown


def first_shown(zone: str, day: date, wall: str) -> datetime:
    """When the clock shows `wall`, or an hour more where it never does."""
    hour, minute = map(int, wall.split(":"))
    naive = datetime.combine(day, time()) + hour * HOUR + minute * MINUTE
    shown = wall_minutes(zone, day)
    return shown.get(naive) or shown[naive + HOUR]


def is_working(diary: Diary, day: date, begin: datetime, end: datetime) -> bool:
    """Whether one span of the date holds every minute from `begin` to `end`."""
    if any(leave.from_date <= day < leave.to_date for leave in diary.leave):
        return False
    spans = diary.hours.weekly.get(f"{day:%a}".lower(), ())
    edges = [(first_shown(diary.hours.timezone, day, b), first_shown(diary.hours.timezone, day, e)) for b, e in spans]
    return any(b <= begin and end <= e for b, e in edges)


def untouched(diary: Diary, begin: datetime, end: datetime) -> bool:
    minutes = {begin + n * MINUTE for n in range((end - begin) // MINUTE)}
    return not any(busy.begins_at <= minute < busy.ends_at for busy in diary.busy for minute in minutes)


def slow_slots(diary: Diary, since: datetime, until: datetime, duration: timedelta) -> Iterator[Interval]:
    """Look at every minute of every span, and keep those at which a slot may begin."""
    zone = ZoneInfo(diary.hours.timezone)
    for minute in (since + n * MINUTE for n in range((until - since) // MINUTE + 1)):
        day, end = minute.astimezone(zone).date(), minute + duration
        starts = [first_shown(zone.key, day, begin) for begin, _ in diary.hours.weekly.get(f"{day:%a}".lower(), ())]
        on_the_grid = [s for s in starts if s <= minute and (minute - s) % duration == timedelta(0) and spans_to(diary, day, s, end)]
        if on_the_grid and is_working(diary, day, minute, end) and untouched(diary, minute, end):
            yield Interval(minute, end)


def spans_to(diary: Diary, day: date, start: datetime, end: datetime) -> bool:
    """Whether the span that begins at `start` goes on until `end`."""
    zone, spans = diary.hours.timezone, diary.hours.weekly.get(f"{day:%a}".lower(), ())
    return any(first_shown(zone, day, b) == start and end <= first_shown(zone, day, e) for b, e in spans)


def wall(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


def week(edges: set[int]) -> Sequence[list[str]]:
    return [[wall(begin), wall(end)] for begin, end in list(pairwise(sorted(edges)))[::2]]


DAYS = st.sampled_from([date(2026, 3, 7), date(2026, 10, 31), date(2026, 11, 13)])
SINCE = st.builds(lambda day, minutes: datetime.combine(day, time(), UTC) + minutes * MINUTE, DAYS, st.integers(0, 1440))
SPANS = st.builds(week, st.sets(st.integers(0, 96), max_size=6))
HOURS = st.builds(
    lambda zone, weeks: Hours(zone, dict(zip(WEEKDAYS, weeks, strict=True))),
    st.sampled_from([NEW_YORK, KATHMANDU]),
    st.lists(SPANS, min_size=7, max_size=7),
)


@st.composite
def searches(draw: st.DrawFn) -> tuple[Diary, datetime, timedelta]:
    """A provider's time, an instant, and a duration."""
    since = draw(SINCE)
    busy = draw(st.lists(st.tuples(st.integers(-300, 3000), st.integers(1, 400)), max_size=4))
    away = draw(st.lists(st.tuples(st.integers(-1, 3), st.integers(1, 2)), max_size=1))
    diary = Diary(
        draw(HOURS),
        tuple(Leave(since.date() + n * DAY, since.date() + (n + length) * DAY) for n, length in away),
        tuple(Interval(since + n * MINUTE, since + (n + length) * MINUTE) for n, length in busy),
    )
    return diary, since, draw(st.integers(5, 600)) * MINUTE


@given(searches())
@settings(max_examples=60)
def test_free_slots_are_those_that_a_look_at_every_minute_finds(search: tuple[Diary, datetime, timedelta]) -> None:
    diary, since, duration = search
    assert list(diary.free_slots(since, since + 2 * DAY, duration)) == list(slow_slots(diary, since, since + 2 * DAY, duration))


@given(searches(), st.integers(0, 2880))
def test_what_is_free_is_what_a_look_at_every_minute_says(search: tuple[Diary, datetime, timedelta], later: int) -> None:
    diary, since, duration = search
    begin = since + later * MINUTE
    day = begin.astimezone(ZoneInfo(diary.hours.timezone)).date()
    free = is_working(diary, day, begin, begin + duration) and untouched(diary, begin, begin + duration)
    assert diary.is_free(Interval(begin, begin + duration)) is free
