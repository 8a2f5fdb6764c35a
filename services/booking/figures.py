"""What events of one booking add to the figures: to counts by their labels, to requests to its provider, and to money that moved."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from math import inf
from typing import Literal
from uuid import UUID

from contracts.events import BookingAccepted, BookingCancelled, Event, PaymentRecorded
from contracts.message import Message
from services.booking.model import Booking

Ending = Literal["answered", "expired", "customer", "other"]
EVENTS, STANDINGS, RESPONSES, LAGS = "events", "standings", "responses", "lags"
SETTLING = frozenset({"PaymentCaptured", "RefundSettled"})
APART = frozenset({"expired", "maintenance"})
NOTHING = Decimal(0)
RESPONSE_BOUNDS = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800)
LAG_BOUNDS = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600, 21_600, 86_400)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, or what is added to it: how many, and the sum of what each of them weighs."""

    series: str
    labels: tuple[str, ...]
    number: int
    amount: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Request:
    """The provider was asked to answer, by the event of `version` that made the booking pending; how that ended, once it has."""

    booking: UUID
    version: int
    requested_at: datetime
    ended_at: datetime | None = None
    ending: Ending | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """Money that moved at `at`: taken from the customer, or back with the customer."""

    booking: UUID
    version: int
    at: datetime
    captured: Decimal
    refunded: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """One booking `before` and `after` `events`, and the request that was open before them."""

    before: Booking | None
    after: Booking
    events: Sequence[Message[Event]]
    asked: Request | None = None

    def figures(self, zone: tzinfo) -> Iterator[Figure]:
        """Yield what is added to the counts; days are those of `zone`."""
        for event in self.events:
            yield Figure(EVENTS, (event.name, self.after.category), 1)
        if self.before:
            yield Figure(STANDINGS, _place(self.before, zone), -1, -self.before.total_amount)
        yield Figure(STANDINGS, _place(self.after, zone), 1, self.after.total_amount)
        for request in self.requests():
            if request.ended_at and request.ending == "answered":
                yield observed(RESPONSES, RESPONSE_BOUNDS, request.ended_at - request.requested_at)
        for event in self.events:
            if isinstance(event.data, BookingCancelled) and event.data.expired_at:
                yield observed(LAGS, LAG_BOUNDS, event.data.cancelled_at - event.data.expired_at)

    def requests(self) -> Iterator[Request]:
        """Yield the requests that began or ended. One begins whenever the booking becomes pending, and ends when it is so no longer."""
        asked, status = self.asked, self.before.status if self.before else None
        for event in self.events:
            pending = event.data.status == "pending"
            if asked and status == "pending" and not pending:
                yield replace(asked, ended_at=event.time, ending=_ending(event))
                asked = None
            if pending and status != "pending":
                asked = Request(event.booking, event.aggregate_version or 0, event.time)
            status = event.data.status
        if asked and asked is not self.asked:
            yield asked

    def settlements(self) -> Iterator[Settlement]:
        """Yield the money that moved; what came in another currency than the booking's has no amount, and does not count."""
        for event in self.events:
            data = event.data
            if isinstance(data, PaymentRecorded) and data.kind in SETTLING and data.amount:
                taken = data.kind == "PaymentCaptured"
                amounts = (data.amount, NOTHING) if taken else (NOTHING, data.amount)
                yield Settlement(event.booking, event.aggregate_version or 0, event.time, *amounts)


def standing(booking: Booking) -> str:
    """Return what a booking counts as: its status, but `expired` and `maintenance` apart from other cancellations."""
    reason = booking.cancellation_reason
    return reason if booking.status == "cancelled" and reason in APART else booking.status


def _place(booking: Booking, zone: tzinfo) -> tuple[str, str, str]:
    return booking.booking_date.astimezone(zone).date().isoformat(), standing(booking), booking.currency


def _ending(event: Message[Event]) -> Ending:
    """Return what `event` is to the request: only its own provider answers, by taking or declining it."""
    reason = event.data.cancellation_reason if isinstance(event.data, BookingCancelled) else None
    if event.actor.kind == "provider" and (reason == "declined" or isinstance(event.data, BookingAccepted)):
        return "answered"
    return reason if reason in {"expired", "customer"} else "other"


def observed(series: str, bounds: Sequence[float], duration: timedelta) -> Figure:
    """Return one observation in the bucket of the least bound, in seconds, that is not below `duration`."""
    seconds = Decimal(duration // timedelta(microseconds=1)) / 1_000_000
    return Figure(series, (bound(next((b for b in bounds if seconds <= b), inf)),), 1, seconds)


def bound(seconds: float) -> str:
    """Return the upper bound of a bucket as Prometheus writes it."""
    return "+Inf" if seconds == inf else str(float(seconds))


def summed(figures: Iterable[Figure]) -> list[Figure]:
    """Return one figure for each set of labels, in order, without those that cancel out."""
    numbers: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    amounts: dict[tuple[str, tuple[str, ...]], Decimal] = defaultdict(Decimal)
    for figure in figures:
        key = (figure.series, figure.labels)
        numbers[key] += figure.number
        amounts[key] += figure.amount
    return [Figure(*key, number, amounts[key]) for key, number in sorted(numbers.items()) if number or amounts[key]]
