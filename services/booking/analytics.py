"""The figures about the bookings of a period: Decimal, rounded half-up to two places; nothing divided by nothing is None."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from services.booking.figures import STANDINGS, Figure

CENT = Decimal("0.01")
CURRENCY = "NPR"
NOTHING = Decimal(0)
MICROSECONDS = 1_000_000
LONGEST = 366
YEARS = range(1900, 9000)
DAY = timedelta(days=1)
GroupBy = Literal["category", "provider", "day", "month"]


@dataclass(frozen=True, slots=True)
class Period:
    """The local dates [first, last) of `zone`, how they are grouped, and to which bookings they are narrowed. Raises ValueError."""

    first: date
    last: date
    zone: str
    group_by: GroupBy | None = None
    category: str | None = None
    provider: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse a period that ends before it begins, is too long, or too far away to be computed with."""
        if self.first >= self.last:
            raise ValueError(f"the period should end after {self.first}, when it begins, and not on {self.last}")
        if (number := (self.last - self.first).days) > LONGEST:
            raise ValueError(f"the period should have {LONGEST} days at most, and not {number}")
        if not YEARS.start <= self.first.year <= self.last.year < YEARS.stop:
            raise ValueError(f"the period should lie between the years {YEARS.start} and {YEARS.stop - 1}")

    @property
    def days(self) -> list[date]:
        """Every local date."""
        return [self.first + n * DAY for n in range((self.last - self.first).days)]

    @property
    def start(self) -> datetime:
        """The instant at which it begins."""
        return self.midnight(self.first)

    @property
    def end(self) -> datetime:
        """The instant at which it is over."""
        return self.midnight(self.last)

    def midnight(self, day: date) -> datetime:
        """Return the instant at which the local `day` begins."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Bookings:
    """How many bookings of a cohort stand where; `value` is the sum of the amounts of the `valued`, those completed in our currency."""

    total: int = 0
    completed: int = 0
    expired: int = 0
    maintenance: int = 0
    cancelled_other: int = 0
    valued: int = 0
    value: Decimal = NOTHING
    rated: int = 0
    stars: int = 0

    @property
    def resolved(self) -> int:
        """Those that have ended."""
        return self.completed + self.expired + self.maintenance + self.cancelled_other

    @property
    def completion(self) -> str | None:
        """Per cent of the resolved that were completed."""
        return percent(self.completed, self.resolved)

    @property
    def auto_cancellation(self) -> str | None:
        """Per cent of the resolved that expired."""
        return percent(self.expired, self.resolved)


@dataclass(frozen=True, slots=True)
class Responses:
    """How providers answered: `summed` and the ranks in microseconds; `in_time` of those `due` were answered within 24 hours."""

    answered: int = 0
    summed: int = 0
    lower_median: int = 0
    upper_median: int = 0
    p90: int = 0
    in_time: int = 0
    due: int = 0


@dataclass(frozen=True, slots=True)
class Revenue:
    """Money that was settled in a period."""

    captured: Decimal = NOTHING
    refunded: Decimal = NOTHING


def report(bookings: Bookings, responses: Responses, revenue: Revenue) -> dict[str, object]:
    """Return the figures of one cohort as they are shown: counts as numbers, rates, money, seconds and means as text."""
    return {
        **_counts(bookings),
        **_rates(bookings, "", bookings.resolved),
        **_rates(bookings, "_of_total", bookings.total),
        "average_booking_value": quotient(bookings.value, bookings.valued),
        "currency": CURRENCY,
        "revenue_gross": rounded(revenue.captured),
        "revenue_net": rounded(revenue.captured - revenue.refunded),
        "satisfaction": {"mean": quotient(bookings.stars, bookings.rated), "count": bookings.rated},
        "provider_response": _response(responses),
    }


def _counts(b: Bookings) -> dict[str, object]:
    shown = ("total", "resolved", "completed", "expired", "maintenance", "cancelled_other")
    return {**{name: getattr(b, name) for name in shown}, "open": b.total - b.resolved}


def _rates(b: Bookings, suffix: str, whole: int) -> dict[str, object]:
    parts = {"completion": b.completed, "auto_cancellation": b.expired, "other_cancellation": b.maintenance + b.cancelled_other}
    return {f"{name}_rate{suffix}": percent(part, whole) for name, part in parts.items()}


def _response(r: Responses) -> dict[str, object]:
    return {
        "answered": r.answered,
        "mean_seconds": quotient(r.summed, r.answered * MICROSECONDS),
        "median_seconds": quotient(r.lower_median + r.upper_median, 2 * MICROSECONDS) if r.answered else None,
        "p90_seconds": quotient(r.p90, MICROSECONDS) if r.answered else None,
        "response_rate_24h": percent(r.in_time, r.due),
    }


def standing_of(figures: Iterable[Figure], days: Container[str] = ("true", "false")) -> Bookings:
    """Return how bookings stand by the figures: all of them, or those of the `days` that lie inside (`true`) of what was asked for."""
    counts: Counter[str] = Counter()
    valued, value = 0, NOTHING
    for figure in figures:
        if figure.series == STANDINGS and figure.labels[0] in days:
            counts[figure.labels[1]] += figure.number
            if figure.labels[1:] == ("completed", CURRENCY):
                valued, value = valued + figure.number, value + figure.amount
    return Bookings(
        total=counts.total(),
        completed=counts["completed"],
        expired=counts["expired"],
        maintenance=counts["maintenance"],
        cancelled_other=counts["cancelled"],
        valued=valued,
        value=value,
    )


def percent(part: int, whole: int) -> str | None:
    """Return 100 × part / whole."""
    return quotient(100 * part, whole)


def quotient(dividend: int | Decimal, divisor: int) -> str | None:
    """Return dividend / divisor; None of nothing."""
    return rounded(Decimal(dividend) / divisor) if divisor else None


def rounded(value: Decimal) -> str:
    """Return `value` with two decimals, half-up."""
    return str(value.quantize(CENT, ROUND_HALF_UP))
