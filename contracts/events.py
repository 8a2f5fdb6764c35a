"""What happened to one booking: facts, never rejected and never edited. `status` is the one after the event."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.actors import ActorText
from contracts.commands import Target
from contracts.parts import (
    BookingFacts as BookingFacts,
    Evidence as Evidence,
    Photo as Photo,
    SkippedDay as SkippedDay,
    Suggestion as Suggestion,
    Suggestions,
    Term as Term,
)
from contracts.payments import PaymentStatus, PaymentType
from contracts.values import (
    Contract,
    Currency,
    End,
    Instant,
    Method,
    Minutes,
    Money,
    Rating,
    Reference,
    Text100,
    Text500,
    Text2000,
)

Status = Literal["created", "pending", "confirmed", "service_delivered", "awaiting_confirmation", "completed", "cancelled"]
CancellationReason = Literal[
    "expired",
    "declined",
    "customer",
    "provider",
    "admin",
    "maintenance",
    "payment-failed",
    "no_show_customer",
    "no_show_provider",
]


class Event(Contract):
    """A fact about one booking; every key is always written, null when empty."""

    topic: ClassVar[str] = "booking.events.v1"

    status: Status


class BookingCreated(BookingFacts, Event):
    """The booking exists, with everything that was asked for."""


class BookingSubmitted(Event):
    """The booking is valid, and authorised if it is pre-paid: the provider is asked."""


class BookingAccepted(Event):
    """The provider has taken the booking; from here its slot is busy."""

    booking_date: Instant
    ends_at: End


class Slot(Contract):
    """When a booking begins and how long it takes."""

    booking_date: Instant
    duration_minutes: Minutes


class BookingRescheduled(Event):
    """The booking was moved."""

    booking_date: Instant
    duration_minutes: Minutes
    ends_at: End
    previous: Slot
    moved_by: ActorText


class BookingNotesEdited(Event):
    """The customer's notes were replaced."""

    notes: Text2000


class BookingCancelled(Event):
    """The booking is over; `expired_at` and `evidence` are there when it expired."""

    previous_status: Status
    cancellation_reason: CancellationReason
    cancellation_note: Text500 | None
    cancelled_by: ActorText
    cancelled_at: Instant
    auto_cancelled: bool
    expired_at: Instant | None = None
    booking_date: Instant
    evidence: Evidence | None = None


class RebookingSuggested(Event):
    """Free slots were found for a customer whose booking fell through."""

    suggestions: Suggestions


class ServiceDelivered(Event):
    """The provider says the work is done."""

    photos: tuple[Photo, ...]
    notes: Text2000 | None
    recommendations: Text2000 | None
    delivered_at: Instant


class ConfirmationRequested(Event):
    """The customer is asked to confirm; `auto_confirm_at` is null where nobody confirms for them."""

    amount_due: Money
    currency: Currency
    auto_confirm_at: Instant | None = None


class DeliveryConfirmed(Event):
    """The delivery was confirmed; `amount_due` is still to be paid."""

    confirmed_by: ActorText
    rating: Rating | None = None
    review: Text2000 | None = None
    amount_due: Money


class BookingCompleted(Event):
    """The booking is done and paid."""

    completed_at: Instant
    captured: Money
    auto_confirmed: bool


class BookingDisputed(Event):
    """The customer does not agree that the work is done."""

    reason: Text2000


class ReviewAdded(Event):
    """The customer rated a completed booking."""

    rating: Rating
    text: Text2000 | None = None


class BookingOverridden(Event):
    """An admin put the booking where it should be."""

    from_: Status = Field(validation_alias="from", serialization_alias="from")
    target: Target
    reason: Text500
    booking_date: Instant
    ends_at: End
    refund_amount: Money | None = None


class PaymentRecorded(Event):
    """A payment fact changed the booking; amounts `authorized`, `captured` and `refunded` are the sums after it."""

    payment_event_id: Reference
    kind: PaymentType
    payment_id: Reference
    payment_status: PaymentStatus
    amount: Money | None
    authorized: Money
    captured: Money
    refunded: Money
    payment_method: Method | None
    gateway_reference: Reference | None
    refund_id: Reference | None = None
    processed_at: Instant | None
    failure_code: Text100 | None
    terminal: bool | None


EVENTS: tuple[type[Event], ...] = (
    BookingCreated,
    BookingSubmitted,
    BookingAccepted,
    BookingRescheduled,
    BookingNotesEdited,
    BookingCancelled,
    RebookingSuggested,
    ServiceDelivered,
    ConfirmationRequested,
    DeliveryConfirmed,
    BookingCompleted,
    BookingDisputed,
    ReviewAdded,
    BookingOverridden,
    PaymentRecorded,
)
