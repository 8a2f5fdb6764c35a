"""What letters need to know: a booking, folded from its events, and a person."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from contracts.events import BookingAccepted, BookingCancelled, BookingCreated, BookingOverridden, BookingRescheduled, Event


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking after event number `version`."""

    id: UUID
    version: int
    status: str
    customer: UUID
    provider: UUID
    service: UUID
    category: str
    booking_date: datetime
    total_amount: Decimal
    currency: str
    cancellation_reason: str | None = None
    cancellation_note: str | None = None
    expired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory; `name` and `email` are None once they are erased."""

    id: UUID
    name: str | None
    email: str | None
    language: str | None
    timezone: str | None
    active: bool


def fold(booking: Booking | None, id_: UUID, version: int, data: Event) -> Booking | None:
    """Return `booking` after its event `version`; None while its creation has not been seen."""
    if isinstance(data, BookingCreated):
        return _created(id_, version, data)
    if booking is None:
        return None
    booking = replace(booking, version=version, status=data.status)
    if isinstance(data, BookingAccepted | BookingRescheduled | BookingOverridden):
        return replace(booking, booking_date=data.booking_date)
    if isinstance(data, BookingCancelled):
        return replace(
            booking,
            cancellation_reason=data.cancellation_reason,
            cancellation_note=data.cancellation_note,
            expired_at=data.expired_at,
        )
    return booking


def _created(id_: UUID, version: int, data: BookingCreated) -> Booking:
    return Booking(
        id=id_,
        version=version,
        status=data.status,
        customer=data.customer,
        provider=data.provider,
        service=data.service,
        category=data.category,
        booking_date=data.booking_date,
        total_amount=data.total_amount,
        currency=data.currency,
    )
