"""What suggestions need to know: a booking, folded from its events, what is on offer, and what each provider has done so far."""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from uuid import UUID

from contracts.events import (
    BookingAccepted,
    BookingCreated,
    BookingOverridden,
    BookingRescheduled,
    DeliveryConfirmed,
    Event,
    ReviewAdded,
)
from services.directory.slots import Diary, Interval

ASKED = frozenset({"pending", "confirmed"})
BUSY = frozenset({"confirmed", "service_delivered", "awaiting_confirmation"})
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking after event number `version`; nobody's name is in it."""

    id: UUID
    version: int
    status: str
    provider: UUID
    service: UUID
    category: str
    booking_date: datetime
    ends_at: datetime
    total_amount: Decimal
    currency: str
    rating: int | None = None

    @property
    def slot(self) -> Interval:
        """When it takes place."""
        return Interval(self.booking_date, self.ends_at)

    @property
    def takes_time(self) -> bool:
        """Whether its provider has, or is asked for, time for it."""
        return self.status in ASKED | BUSY


@dataclass(frozen=True, slots=True)
class Figures:
    """Bookings of a provider that ended either way, and what customers gave for them."""

    completed: int = 0
    cancelled: int = 0
    ratings: int = 0
    stars: int = 0

    @classmethod
    def of(cls, booking: Booking | None) -> "Figures":
        """Return what one booking adds."""
        if booking is None:
            return cls()
        return cls(
            int(booking.status == "completed"), int(booking.status == "cancelled"), int(booking.rating is not None), booking.rating or 0
        )

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Figures)))

    def __sub__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(Figures)))

    @property
    def mean_rating(self) -> Decimal | None:
        """The mean of all ratings, rounded half-up to two decimals."""
        return (Decimal(self.stars) / self.ratings).quantize(CENT, ROUND_HALF_UP) if self.ratings else None

    @property
    def completion_rate(self) -> Fraction | None:
        """Of the bookings that ended, the part that was completed."""
        ended = self.completed + self.cancelled
        return Fraction(self.completed, ended) if ended else None


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that a provider offers."""

    id: UUID
    provider: UUID
    category: str
    price: Decimal
    currency: str
    duration_minutes: int
    active: bool

    @property
    def duration(self) -> timedelta:
        """How long it takes."""
        return timedelta(minutes=self.duration_minutes)


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who offers services; who is not known yet counts as active, with the usual hours."""

    id: UUID
    active: bool = True
    diary: Diary = field(default_factory=Diary)
    figures: Figures = field(default_factory=Figures)


def fold(booking: Booking | None, id_: UUID, version: int, data: Event) -> Booking | None:
    """Return `booking` after its event `version`; None while its creation has not been seen."""
    if isinstance(data, BookingCreated):
        return _created(id_, version, data)
    if booking is None:
        return None
    booking = replace(booking, version=version, status=data.status)
    if isinstance(data, BookingAccepted | BookingRescheduled | BookingOverridden):
        return replace(booking, booking_date=data.booking_date, ends_at=data.ends_at)
    if isinstance(data, DeliveryConfirmed | ReviewAdded) and data.rating is not None:
        return replace(booking, rating=data.rating)
    return booking


def _created(id_: UUID, version: int, data: BookingCreated) -> Booking:
    return Booking(
        id=id_,
        version=version,
        status=data.status,
        provider=data.provider,
        service=data.service,
        category=data.category,
        booking_date=data.booking_date,
        ends_at=data.booking_date + timedelta(minutes=data.duration_minutes),
        total_amount=data.total_amount,
        currency=data.currency,
    )
