"""Hours after an instant, as working days would have it: taken as they are, rolled to a working day, or paused on days off."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contracts.parts import Adjust
from services.expiry.calendar import Calendar, Closed

DAY = timedelta(days=1)
MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The instant, None where it depends on a day that the calendar does not cover, and the days that moved it."""

    at: datetime | None
    skipped: tuple[Closed, ...] = ()


UNKNOWN = Adjusted(None)


def plus(anchor: datetime, hours: float) -> datetime:
    """Return the instant `hours` after `anchor`, to the microsecond."""
    return anchor + timedelta(hours=hours)


def adjusted(adjust: Adjust, anchor: datetime, hours: float, timezone: str, calendar: Calendar | None) -> Adjusted:
    """Return the instant at which `hours` since `anchor` are over, in local dates of the IANA zone `timezone`."""
    if adjust == "none":
        return Adjusted(plus(anchor, hours))
    if calendar is None:
        return UNKNOWN
    zone = ZoneInfo(timezone)
    if adjust == "roll_forward":
        return _rolled(plus(anchor, hours), zone, calendar)
    return _paused(anchor, timedelta(hours=hours), zone, calendar)


def _rolled(at: datetime, zone: ZoneInfo, calendar: Calendar) -> Adjusted:
    """Move `at` by whole local days to a working day, at the same wall time.

    A wall time that the clocks skip on the final date moves forward with them, and of one that they repeat it is the first.
    """
    local = at.astimezone(zone)
    day, skipped = local.date(), list[Closed]()
    while calendar.covers(day):
        closed = calendar.closed(day)
        if closed is None:
            return Adjusted(_instant(day, local.time().replace(fold=0), zone) if skipped else at, tuple(skipped))
        skipped.append(closed)
        day += DAY
    return Adjusted(None, tuple(skipped))


def _paused(anchor: datetime, left: timedelta, zone: ZoneInfo, calendar: Calendar) -> Adjusted:
    """Let `left` run from `anchor` on working days only; hours that end exactly at midnight end that day."""
    day, since, skipped = anchor.astimezone(zone).date(), anchor, list[Closed]()
    while calendar.covers(day):
        until = _instant(day + DAY, MIDNIGHT, zone)
        if closed := calendar.closed(day):
            skipped.append(closed)
        elif since + left <= until:
            return Adjusted(since + left, tuple(skipped))
        else:
            left -= max(until - since, timedelta(0))
        day, since = day + DAY, max(since, until)
    return Adjusted(None, tuple(skipped))


def _instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the first instant that shows `wall`, of fold 0, on `day`; where the clocks skip it, as much later as they skip."""
    return datetime.combine(day, wall, zone).astimezone(UTC)
