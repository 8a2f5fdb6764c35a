"""What each event makes of a booking. Replay is `reduce(evolve, events)`."""

from dataclasses import replace
from typing import Any, assert_never

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

Changes = dict[str, Any]
Later = Arranged | Worked | PaymentRecorded | BookingOverridden
UNCONFIRMED: Changes = {"delivery_confirmed_at": None, "confirmed_by": None, "auto_confirmed": False}
UNDISPUTED: Changes = {"disputed": False, "dispute_reason": None}
CANCELLATION = ("cancellation_reason", "cancellation_note", "cancelled_by", "cancelled_at", "auto_cancelled", "expired_at")
UNCANCELLED: Changes = {**dict.fromkeys(CANCELLATION), "auto_cancelled": False}


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
    return replace(booking, **_moved(booking, event), **_changed(booking, event, data))


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


def _moved(booking: Booking, event: Occurred) -> Changes:
    """Note a new status; only a person's transition or reschedule counts as an update, so that nothing else keeps a booking alive."""
    data = event.data
    changed = data.status != booking.status
    touches = event.actor.is_person and (changed or isinstance(data, BookingRescheduled))
    return {
        "version": event.version,
        "status": data.status,
        "updated_at": event.at,
        "last_status_update_at": event.at if touches else booking.last_status_update_at,
        "pending_since": event.at if changed and data.status == "pending" else booking.pending_since,
    }


def _changed(booking: Booking, event: Occurred, data: Later) -> Changes:
    """Return what else becomes different."""
    if isinstance(data, Arranged):
        return _arranged(booking, data)
    if isinstance(data, Worked):
        return _worked(event, data)
    if isinstance(data, PaymentRecorded):
        return {"money": absorbed(booking.money, data)}
    return _overridden(event, data)


def _arranged(booking: Booking, data: Arranged) -> Changes:
    match data:
        case BookingSubmitted() | BookingAccepted():
            return {}
        case BookingRescheduled():
            moves = booking.reschedules + 1
            return {"booking_date": data.booking_date, "duration_minutes": data.duration_minutes, "reschedules": moves}
        case BookingNotesEdited():
            return {"notes": data.notes}
        case RebookingSuggested():
            return {"suggestions": data.suggestions}
        case BookingCancelled():
            return {name: getattr(data, name) for name in CANCELLATION}
        case _:
            assert_never(data)


def _worked(event: Occurred, data: Worked) -> Changes:
    match data:
        case ServiceDelivered():
            return _delivered(data)
        case ConfirmationRequested():
            return {**_asked(event), "auto_confirm_at": data.auto_confirm_at}
        case DeliveryConfirmed():
            return _confirmed(event, data)
        case BookingCompleted():
            return {"completed_at": data.completed_at}
        case BookingDisputed():
            return {**UNCONFIRMED, "disputed": True, "dispute_reason": data.reason}
        case ReviewAdded():
            return {"rating": data.rating, "review": data.text, "reviewed_at": event.at}
        case _:
            assert_never(data)


def _delivered(data: ServiceDelivered) -> Changes:
    return {
        "photos": data.photos,
        "delivery_notes": data.notes,
        "recommendations": data.recommendations,
        "delivered_at": data.delivered_at,
    }


def _asked(event: Occurred) -> Changes:
    """The customer is asked to confirm, whatever was confirmed or disputed before."""
    return {**UNCONFIRMED, **UNDISPUTED, "confirmation_requested_at": event.at, "auto_confirm_at": None, "completed_at": None}


def _confirmed(event: Occurred, data: DeliveryConfirmed) -> Changes:
    """A confirmation ends a dispute, and one with a rating is the review."""
    review = {"rating": data.rating, "review": data.review, "reviewed_at": event.at} if data.rating else {}
    confirmed = {"delivery_confirmed_at": event.at, "confirmed_by": data.confirmed_by, "auto_confirmed": not event.actor.is_person}
    return {**UNDISPUTED, **confirmed, **review}


def _overridden(event: Occurred, data: BookingOverridden) -> Changes:
    """What stands for another status than the target is taken back; the delivery itself stays on record."""
    settled = {**UNCANCELLED, **UNDISPUTED}
    match data.target:
        case "cancelled":
            return {**settled, **_called_off(event, data.reason)}
        case "completed":
            return {**settled, "completed_at": event.at}
        case "awaiting_confirmation":
            return {**settled, **_asked(event)}
        case "pending" | "confirmed":
            return {**settled, **UNCONFIRMED, "confirmation_requested_at": None, "auto_confirm_at": None, "completed_at": None}
        case _:
            assert_never(data.target)


def _called_off(event: Occurred, reason: str) -> Changes:
    return {
        "cancellation_reason": "admin",
        "cancellation_note": reason,
        "cancelled_by": str(event.actor),
        "cancelled_at": event.at,
        "completed_at": None,
    }
