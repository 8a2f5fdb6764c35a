"""What can happen to a booking: its events, in groups that are decided and applied together."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.actors import Actor
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    BookingDisputed,
    BookingNotesEdited,
    BookingOverridden,
    BookingRescheduled,
    BookingSubmitted,
    ConfirmationRequested,
    DeliveryConfirmed,
    PaymentRecorded,
    RebookingSuggested,
    ReviewAdded,
    ServiceDelivered,
)

Arranged = BookingSubmitted | BookingAccepted | BookingRescheduled | BookingNotesEdited | BookingCancelled | RebookingSuggested
Worked = ServiceDelivered | ConfirmationRequested | DeliveryConfirmed | BookingCompleted | BookingDisputed | ReviewAdded
BookingEvent = BookingCreated | Arranged | Worked | BookingOverridden | PaymentRecorded


@dataclass(frozen=True, slots=True)
class Occurred:
    """An event of one booking: its version counts from 1, `at` is the instant of the deciding transaction."""

    booking: UUID
    version: int
    at: datetime
    actor: Actor
    data: BookingEvent
