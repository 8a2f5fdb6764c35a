"""What each event makes of a booking. Replay is `reduce(evolve, events)`."""

from dataclasses import replace
from typing import assert_never

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
from services.booking.errors import BrokenHistory
from services.booking.history import Arranged, BookingEvent as BookingEvent, Occurred as Occurred, Worked
from services.booking.model import (
    FACTS,
    OCCUPYING as OCCUPYING,
    Booking as Booking,
    Slot as Slot,
    creation_digest as creation_digest,
)
from services.booking.money import absorbed


def evolve(booking: Booking | None, event: Occurred) -> Booking:
    """Return the booking after `event`. Raises BrokenHistory for an event that cannot follow."""
    if event.version != (booking.version if booking else 0) + 1:
        message = f"version {event.version} of booking {event.booking} cannot follow {booking.version if booking else 'nothing'}"
        raise BrokenHistory(message)
    data = event.data
    if isinstance(data, BookingCreated) and booking is None:
        return _created(event, data)
    if isinstance(data, BookingCreated) or booking is None:
        message = f"booking {event.booking} cannot {'go on' if booking else 'begin'} with {type(data).__name__}"
        raise BrokenHistory(message)
    moved = _moved(booking, event)
    if isinstance(data, Arranged):
        return _arranged(moved, data)
    if isinstance(data, Worked):
        return _worked(moved, event, data)
    if isinstance(data, PaymentRecorded):
        return replace(moved, money=absorbed(booking.money, data))
    return _overridden(moved, event, data)


def _created(event: Occurred, data: BookingCreated) -> Booking:
    facts = {name: getattr(data, name) for name in FACTS}
    return Booking(
        id=event.booking,
        version=event.version,
        status=data.status,
        creation_digest=creation_digest(data),
        created_at=event.at,
        updated_at=event.at,
        **facts,
    )


def _moved(booking: Booking, event: Occurred) -> Booking:
    """Note a new status; only a person's transition or reschedule counts as an update, so that nothing else keeps a booking alive."""
    data = event.data
    changed = data.status != booking.status
    touches = event.actor.is_person and (changed or isinstance(data, BookingRescheduled))
    return replace(
        booking,
        version=event.version,
        status=data.status,
        updated_at=event.at,
        last_status_update_at=event.at if touches else booking.last_status_update_at,
        pending_since=event.at if changed and data.status == "pending" else booking.pending_since,
    )


def _arranged(booking: Booking, data: Arranged) -> Booking:
    match data:
        case BookingSubmitted() | BookingAccepted():
            return booking
        case BookingRescheduled():
            moves = booking.reschedules + 1
            return replace(booking, booking_date=data.booking_date, duration_minutes=data.duration_minutes, reschedules=moves)
        case BookingNotesEdited():
            return replace(booking, notes=data.notes)
        case RebookingSuggested():
            return replace(booking, suggestions=data.suggestions)
        case BookingCancelled():
            return _cancelled(booking, data)
        case _:
            assert_never(data)


def _cancelled(booking: Booking, data: BookingCancelled) -> Booking:
    return replace(
        booking,
        cancellation_reason=data.cancellation_reason,
        cancellation_note=data.cancellation_note,
        cancelled_by=data.cancelled_by,
        cancelled_at=data.cancelled_at,
        auto_cancelled=data.auto_cancelled,
        expired_at=data.expired_at,
    )


def _worked(booking: Booking, event: Occurred, data: Worked) -> Booking:
    match data:
        case ServiceDelivered():
            return _delivered(booking, data)
        case ConfirmationRequested():
            return replace(_asked(booking, event), auto_confirm_at=data.auto_confirm_at)
        case DeliveryConfirmed():
            return _confirmed(booking, event, data)
        case BookingCompleted():
            return replace(booking, completed_at=data.completed_at)
        case BookingDisputed():
            return replace(_unconfirmed(booking), disputed=True, dispute_reason=data.reason)
        case ReviewAdded():
            return replace(booking, rating=data.rating, review=data.text, reviewed_at=event.at)
        case _:
            assert_never(data)


def _delivered(booking: Booking, data: ServiceDelivered) -> Booking:
    return replace(
        booking,
        photos=data.photos,
        delivery_notes=data.notes,
        recommendations=data.recommendations,
        delivered_at=data.delivered_at,
    )


def _asked(booking: Booking, event: Occurred) -> Booking:
    """The customer is asked to confirm, whatever was confirmed or disputed before."""
    return replace(
        _unconfirmed(booking),
        confirmation_requested_at=event.at,
        auto_confirm_at=None,
        disputed=False,
        dispute_reason=None,
        completed_at=None,
    )


def _unconfirmed(booking: Booking) -> Booking:
    return replace(booking, delivery_confirmed_at=None, confirmed_by=None, auto_confirmed=False)


def _confirmed(booking: Booking, event: Occurred, data: DeliveryConfirmed) -> Booking:
    """A confirmation ends a dispute, and one with a rating is the review."""
    confirmed = replace(
        booking,
        delivery_confirmed_at=event.at,
        confirmed_by=data.confirmed_by,
        auto_confirmed=not event.actor.is_person,
        disputed=False,
        dispute_reason=None,
    )
    return replace(confirmed, rating=data.rating, review=data.review, reviewed_at=event.at) if data.rating else confirmed


def _overridden(booking: Booking, event: Occurred, data: BookingOverridden) -> Booking:
    """What stands for another status than the target is taken back; the delivery itself stays on record."""
    settled = replace(_uncancelled(booking), disputed=False, dispute_reason=None)
    match data.target:
        case "cancelled":
            return _called_off(settled, event, data.reason)
        case "completed":
            return replace(settled, completed_at=event.at)
        case "awaiting_confirmation":
            return _asked(settled, event)
        case "pending" | "confirmed":
            return replace(_unconfirmed(settled), confirmation_requested_at=None, auto_confirm_at=None, completed_at=None)
        case _:
            assert_never(data.target)


def _called_off(booking: Booking, event: Occurred, reason: str) -> Booking:
    return replace(
        booking,
        cancellation_reason="admin",
        cancellation_note=reason,
        cancelled_by=str(event.actor),
        cancelled_at=event.at,
        completed_at=None,
    )


def _uncancelled(booking: Booking) -> Booking:
    return replace(
        booking,
        cancellation_reason=None,
        cancellation_note=None,
        cancelled_by=None,
        cancelled_at=None,
        auto_cancelled=False,
        expired_at=None,
    )
