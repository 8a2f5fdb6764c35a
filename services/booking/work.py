"""How the work is done and agreed to be done: delivered, confirmed, disputed, completed, reviewed, or somebody did not come."""

from datetime import datetime, timedelta
from typing import assert_never

from contracts.actors import Actor
from contracts.commands import CompleteBooking, ConfirmDelivery, DeliverService, DisputeDelivery, MarkNoShow, Party, ReviewBooking
from contracts.events import BookingCancelled, BookingCompleted, BookingDisputed, DeliveryConfirmed, ReviewAdded, ServiceDelivered
from services.booking.decisions import SYSTEM, Answer, Refusal, cancelled
from services.booking.model import Booking

Work = DeliverService | ConfirmDelivery | CompleteBooking | DisputeDelivery | MarkNoShow | ReviewBooking
EARLIEST_DELIVERY = timedelta(hours=2)
ABSENT: dict[str, Party] = {"provider": "customer", "customer": "provider"}


def holds(booking: Booking, data: Work, actor: Actor) -> bool:
    """Return whether the effect of `data` holds already."""
    match data:
        case DeliverService():
            return booking.status == "awaiting_confirmation"
        case ConfirmDelivery():
            stands = booking.status in {"awaiting_confirmation", "completed"}
            return stands and actor.kind == "customer" and booking.confirmed_by == str(actor)
        case CompleteBooking():
            return booking.status == "completed"
        case DisputeDelivery():
            return booking.disputed
        case MarkNoShow():
            return booking.cancellation_reason == f"no_show_{absent(data, actor)}"
        case ReviewBooking():
            return False
        case _:
            assert_never(data)


def answer(booking: Booking, data: Work, actor: Actor, now: datetime) -> Answer:
    """Say what happens, where status and sender are right."""
    match data:
        case DeliverService():
            return _deliver(booking, data, now)
        case ConfirmDelivery():
            return _confirm(booking, data, actor, now)
        case CompleteBooking():
            return _unfinished(booking) or completed(booking, now)
        case DisputeDelivery():
            return BookingDisputed(status=booking.status, reason=data.reason)
        case MarkNoShow():
            return _no_show(booking, data, actor, now)
        case ReviewBooking():
            return _review(booking, data)
        case _:
            assert_never(data)


def absent(data: MarkNoShow, actor: Actor) -> Party | None:
    """Return who did not come: for a customer and a provider the other one, for an admin whom it names."""
    return ABSENT.get(actor.kind, data.who)


def completed(booking: Booking, now: datetime) -> BookingCompleted:
    """Return the good end of `booking`."""
    return BookingCompleted(status="completed", completed_at=now, captured=booking.money.captured, auto_confirmed=booking.auto_confirmed)


def _deliver(booking: Booking, data: DeliverService, now: datetime) -> ServiceDelivered | Refusal:
    earliest, required = booking.booking_date - EARLIEST_DELIVERY, max(booking.min_photos, 1)
    if now < earliest:
        return Refusal("too-early", f"a delivery can be noted from {earliest.isoformat()} on")
    if booking.requires_photos and len(data.photos) < required:
        return Refusal("evidence-required", f"the service asks for {required} photos, and {len(data.photos)} came")
    return ServiceDelivered(
        status="service_delivered", photos=data.photos, notes=data.notes, recommendations=data.recommendations, delivered_at=now
    )


def _confirm(booking: Booking, data: ConfirmDelivery, actor: Actor, now: datetime) -> DeliveryConfirmed | Refusal:
    """Note that the work is agreed to be done; in the customer's place the system speaks only once the time to answer has passed."""
    if actor == SYSTEM and booking.disputed:
        return Refusal("disputed", "the customer disputes the delivery")
    if actor == SYSTEM and (booking.auto_confirm_at is None or now < booking.auto_confirm_at):
        return Refusal("too-early", "the customer may still answer")
    return DeliveryConfirmed(
        status=booking.status, confirmed_by=str(actor), rating=data.rating, review=data.review, amount_due=booking.amount_due
    )


def _unfinished(booking: Booking) -> Refusal | None:
    if booking.disputed:
        return Refusal("disputed", "the customer disputes the delivery: it has to be confirmed, or overridden by an admin")
    if booking.delivery_confirmed_at is None:
        return Refusal("not-confirmed", "the customer has not confirmed the delivery")
    if booking.amount_due > 0:
        return Refusal("payment-due", f"{booking.amount_due} {booking.currency} are still to be paid")
    if not booking.is_paid:
        return Refusal("money-inconsistent", "what was paid is not what is due")
    return None


def _no_show(booking: Booking, data: MarkNoShow, actor: Actor, now: datetime) -> BookingCancelled | Refusal:
    if now <= booking.booking_date:
        return Refusal("too-early", f"nobody can have failed to come until after {booking.booking_date.isoformat()}")
    who = absent(data, actor)
    if who is None:
        return Refusal("evidence-required", "an admin has to say who did not come")
    return cancelled(booking, actor, "no_show_customer" if who == "customer" else "no_show_provider", now)


def _review(booking: Booking, data: ReviewBooking) -> ReviewAdded | Refusal:
    if booking.reviewed_at is not None:
        return Refusal("already-reviewed", "the booking has its review")
    return ReviewAdded(status=booking.status, rating=data.rating, text=data.text)
