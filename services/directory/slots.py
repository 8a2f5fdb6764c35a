"""The rule of when a provider is free: a week of wall times laid into time, without leave and without what is busy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
END_OF_DAY = "24:00"
USUAL_WEEK: Mapping[str, Sequence[Sequence[str]]] = {day: [["09:00", "18:00"]] for day in WEEKDAYS if day != "sat"}


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """[begins_at, ends_at): two that touch do not overlap."""

    begins_at: datetime
    ends_at: datetime

    def overlaps(self, other: "Interval") -> bool:
        """Return whether an instant is in both."""
        return self.begins_at < other.ends_at and other.begins_at < self.ends_at

    def covers(self, other: "Interval") -> bool:
        """Return whether all of `other` is in it."""
        return self.begins_at <= other.begins_at and other.ends_at <= self.ends_at

    def laid_out(self, duration: timedelta) -> Iterator["Interval"]:
        """Yield what fits into it one after the other, from its beginning."""
        begins_at = self.begins_at
        while begins_at < (ends_at := begins_at + duration) <= self.ends_at:
            yield Interval(begins_at, ends_at)
            begins_at = ends_at


@dataclass(frozen=True, slots=True)
class Leave:
    """Local dates on which a provider is away: `from_date` is the first, `to_date` the first that is not."""

    from_date: date
    to_date: date


@dataclass(frozen=True, slots=True)
class Hours:
    """A provider's zone and week: working hours of a weekday as wall times from and to; a weekday that is not there is off."""

    timezone: str = "Asia/Kathmandu"
    weekly: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=lambda: USUAL_WEEK)

    def date_of(self, instant: datetime) -> date:
        """Return the local date of `instant`."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()

    def instant(self, day: date, wall: str) -> datetime:
        """Return when it is `wall` on `day`: in a fold the first time, in a gap as much later as the gap is long."""
        if wall == END_OF_DAY:
            return self.instant(day + DAY, "00:00")
        return datetime.combine(day, time.fromisoformat(wall), ZoneInfo(self.timezone)).astimezone(UTC)

    def spans(self, day: date) -> list[Interval]:
        """Return the working hours of a local date."""
        return [Interval(self.instant(day, begin), self.instant(day, end)) for begin, end in self.weekly.get(WEEKDAYS[day.weekday()], ())]

    def period(self, leave: Leave) -> Interval:
        """Return a leave as an interval of time."""
        return Interval(self.instant(leave.from_date, "00:00"), self.instant(leave.to_date, "00:00"))


@dataclass(frozen=True, slots=True)
class Diary:
    """All that is known of a provider's time."""

    hours: Hours = field(default_factory=Hours)
    leave: tuple[Leave, ...] = ()
    busy: tuple[Interval, ...] = ()

    def without(self, lost: Interval) -> "Diary":
        """Return the diary in which `lost` is not free either."""
        return replace(self, busy=(*self.busy, lost))

    def is_free(self, slot: Interval) -> bool:
        """Return whether `slot` lies in the working hours of its local date and nothing is in its way."""
        return any(span.covers(slot) for span in self._working(self.hours.date_of(slot.begins_at))) and not self._is_busy(slot)

    def free_slots(self, since: datetime, until: datetime, duration: timedelta) -> Iterator[Interval]:
        """Yield the free slots that begin in [since, until], in order, laid out from the beginning of working hours."""
        day, last = self.hours.date_of(since), self.hours.date_of(until)
        while day <= last:
            slots = {slot for span in self._working(day) for slot in span.laid_out(duration) if since <= slot.begins_at <= until}
            yield from (slot for slot in sorted(slots) if not self._is_busy(slot))
            day += DAY

    def _working(self, day: date) -> list[Interval]:
        away = any(leave.from_date <= day < leave.to_date for leave in self.leave)
        return [] if away else self.hours.spans(day)

    def _is_busy(self, slot: Interval) -> bool:
        return any(slot.overlaps(other) for other in self.busy)
