"""Calendars made by hand, and the slow way to count on them: a minute at a time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.policies import Weekday
from services.expiry.calendar import Calendar

MINUTE, A_DAY = timedelta(minutes=1), timedelta(days=1)


def calendar(
    *weekend: Weekday,
    holidays: Mapping[date, str] | None = None,
    working_days: Mapping[date, str] | None = None,
    closures: Mapping[date, str] | None = None,
    years: tuple[int, int] = (2020, 2030),
) -> Calendar:
    """A calendar whose weekend has always been `weekend`."""
    since = ((date(1900, 1, 1), frozenset(weekend)),)
    return Calendar("XX", "xx-1", None, years, since, holidays or {}, working_days or {}, closures or {})


def paused_slowly(anchor: datetime, minutes: int, zone: ZoneInfo, days: Calendar) -> datetime:
    """The instant at which so many minutes of working days have passed since `anchor`, a whole minute."""
    now, counted = anchor, 0
    while counted < minutes:
        counted += days.closed(now.astimezone(zone).date()) is None
        now += MINUTE
    return now


def rolled_slowly(at: datetime, zone: ZoneInfo, days: Calendar) -> datetime:
    """`at`, or the first minute at which the clocks of a later working day show its wall time or have just jumped over it."""
    wall = at.astimezone(zone).replace(tzinfo=None, fold=0)
    if days.closed(wall.date()) is None:
        return at
    while days.closed(wall.date()) is not None:
        wall += A_DAY
    now = wall.replace(tzinfo=UTC) - A_DAY
    while naive(now + MINUTE, zone) <= wall and naive(now, zone) != wall:
        now += MINUTE
    return now + (wall - naive(now, zone))


def naive(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks on the wall show."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
