"""Working days: weekends by the date they hold from, holidays, and the days declared otherwise. Frozen data, never recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from contracts.policies import CalendarPublished, NamedDay, Weekday

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Why = Literal["weekend", "holiday", "closure"]


@dataclass(frozen=True, slots=True)
class Closed:
    """A local date on which nobody works."""

    date: date
    why: Why
    name: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of the years from `years[0]` to `years[1]`. One without `effective_at` has always been in force.

    `weekends` rise by the date they hold from; a working day takes a weekend or holiday back, and a closure holds on any day.
    """

    name: str
    version: str
    effective_at: datetime | None
    years: tuple[int, int]
    weekends: tuple[tuple[date, frozenset[Weekday]], ...]
    holidays: Mapping[date, str]
    working_days: Mapping[date, str]
    closures: Mapping[date, str]

    @classmethod
    def of(cls, data: CalendarPublished) -> "Calendar":
        """Return the calendar that was published."""
        return cls(
            data.calendar,
            data.calendar_version,
            data.effective_at,
            data.years,
            tuple(sorted(((w.from_, frozenset(w.days)) for w in data.weekends), key=lambda weekend: weekend[0])),
            _names(data.holidays),
            _names(data.working_days),
            _names(data.closures),
        )

    def covers(self, day: date) -> bool:
        """Return whether this calendar knows about `day`."""
        return self.years[0] <= day.year <= self.years[1]

    def closed(self, day: date) -> Closed | None:
        """Return why nobody works on `day`, the weekend before any other reason, or None on a working day."""
        if day not in self.working_days:
            if WEEKDAYS[day.weekday()] in self._weekend(day):
                return Closed(day, "weekend", NAMES[day.weekday()])
            if day in self.holidays:
                return Closed(day, "holiday", self.holidays[day])
        return Closed(day, "closure", self.closures[day]) if day in self.closures else None

    def _weekend(self, day: date) -> frozenset[Weekday]:
        return next((days for since, days in reversed(self.weekends) if since <= day), frozenset())


def _names(days: tuple[NamedDay, ...]) -> dict[date, str]:
    return {day.date: day.name for day in days}
