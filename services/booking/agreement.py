"""How a booking is agreed on: asked for, taken or not, moved, called off."""

from datetime import datetime
from typing import assert_never

from contracts.actors import Actor
from contracts.commands import AcceptBooking, CancelBooking, CreateBooking, DeclineBooking, EditNotes, RescheduleBooking
from contracts.events import (
    BookingAccepted,
    BookingCreated,
    BookingNotesEdited,
    BookingRescheduled,
    CancellationReason,
    Slot as Place,
)
from services.booking.decisions import Answer, Facts, Refusal, cancelled
from services.booking.model import OCCUPYING, Booking, Slot, creation_digest

Arrangement = AcceptBooking | DeclineBooking | CancelBooking | RescheduleBooking | EditNotes


def holds(booking: Booking, data: CreateBooking | Arrangement) -> bool:
    """Return whether the effect of `data` holds already."""
    match data:
        case CreateBooking():
            return creation_digest(data) == booking.creation_digest
        case AcceptBooking():
            return booking.status == "confirmed"
        case DeclineBooking():
            return booking.cancellation_reason == "declined"
        case CancelBooking():
            return booking.status == "cancelled"
        case RescheduleBooking():
            return moved_slot(booking, data) == booking.slot
        case EditNotes():
            return data.notes == (booking.notes or "")
        case _:
            assert_never(data)


def create(data: CreateBooking) -> BookingCreated | Refusal:
    """Make a booking of what was asked for."""
    if data.prepaid and data.total_amount > 0 and data.payment_method in {None, "cash"}:
        return Refusal("money-inconsistent", "a pre-paid booking cannot be paid in cash: name another payment_method")
    return BookingCreated(status="created", **data.model_dump(exclude={"expected_version"}))


def answer(booking: Booking, data: Arrangement, actor: Actor, facts: Facts, now: datetime) -> Answer:
    """Say what happens, where status and sender are right."""
    match data:
        case AcceptBooking():
            return facts.refuse_overlap(booking.slot) or _accepted(booking.slot)
        case DeclineBooking():
            return cancelled(booking, actor, "declined", now, data.reason)
        case CancelBooking():
            return cancelled(booking, actor, _canceller(actor), now, data.reason)
        case RescheduleBooking():
            return _reschedule(booking, data, actor, facts)
        case EditNotes():
            return BookingNotesEdited(status=booking.status, notes=data.notes)
        case _:
            assert_never(data)


def moved_slot(booking: Booking, data: RescheduleBooking) -> Slot:
    """Return the time that the booking would take after the move."""
    return Slot.lasting(booking.id, booking.provider, data.booking_date, data.duration_minutes or booking.duration_minutes)


def _accepted(slot: Slot) -> BookingAccepted:
    return BookingAccepted(status="confirmed", booking_date=slot.start, ends_at=slot.end)


def _canceller(actor: Actor) -> CancellationReason:
    match actor.kind:
        case "customer" | "provider":
            return actor.kind
        case _:
            return "admin"


def _reschedule(booking: Booking, data: RescheduleBooking, actor: Actor, facts: Facts) -> BookingRescheduled | Refusal:
    """Move it; once the customer has moved it, the provider has to accept it again."""
    slot = moved_slot(booking, data)
    status = "pending" if actor.kind == "customer" else booking.status
    if status in OCCUPYING and (refusal := facts.refuse_overlap(slot)):
        return refusal
    return BookingRescheduled(
        status=status,
        booking_date=slot.start,
        duration_minutes=data.duration_minutes or booking.duration_minutes,
        ends_at=slot.end,
        previous=Place(booking_date=booking.booking_date, duration_minutes=booking.duration_minutes),
        moved_by=str(actor),
    )
