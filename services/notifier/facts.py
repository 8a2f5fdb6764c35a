"""What letters need to know: a booking, folded from its events, and a person."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCreated,
    BookingDisputed,
    BookingOverridden,
    BookingRescheduled,
    DeliveryConfirmed,
    Event,
    PaymentRecorded,
)

ASKING = frozenset({"pending", "awaiting_confirmation"})
REFUNDING = frozenset({"refund_pending", "refunded", "partially_refunded"})


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking after event number `version`.

    `asked` is the version by which somebody was asked to act, as long as they have not: the provider to accept while it is pending,
    the customer to confirm the delivery afterwards. `failed_payment` is the payment whose failure the customer was told of.
    """

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
    asked: int | None = None
    failed_payment: str | None = None
    failed_for_good: bool = False


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
    return _with_facts_of(data, replace(booking, version=version, status=data.status, asked=_asked(booking, version, data)))


def _asked(booking: Booking, version: int, data: Event) -> int | None:
    """Return by which version somebody is asked to act after `data`: a status asks when it is entered, and a move asks anew."""
    if data.status not in ASKING or isinstance(data, DeliveryConfirmed | BookingDisputed):
        return None
    return version if data.status != booking.status or isinstance(data, BookingRescheduled) else booking.asked


def _with_facts_of(data: Event, booking: Booking) -> Booking:
    match data:
        case BookingAccepted() | BookingRescheduled() | BookingOverridden():
            return replace(booking, booking_date=data.booking_date)
        case BookingCancelled():
            return replace(
                booking,
                cancellation_reason=data.cancellation_reason,
                cancellation_note=data.cancellation_note,
                expired_at=data.expired_at,
            )
        case PaymentRecorded() if charge_failed(data):
            told_for_good = booking.failed_for_good and booking.failed_payment == data.payment_id
            return replace(booking, failed_payment=data.payment_id, failed_for_good=bool(data.terminal) or told_for_good)
        case _:
            return booking


def charge_failed(data: PaymentRecorded) -> bool:
    """Return whether money that the customer owes could not be had; a refund that failed is no matter of theirs."""
    return data.kind == "PaymentFailed" and data.status != "cancelled" and data.payment_status not in REFUNDING


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
