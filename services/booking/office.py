"""What admins and our own services do with a booking: end it, put it right, suggest another."""

from datetime import datetime, timedelta
from typing import assert_never

from contracts.actors import Actor
from contracts.commands import Command, ExpireBooking, MaintenanceCancel, OverrideBooking, SuggestRebooking
from contracts.events import BookingCancelled, BookingOverridden, RebookingSuggested
from services.booking.decisions import Answer, Facts, Refusal, cancelled
from services.booking.model import OCCUPYING, Booking

PATIENCE_FOR_PREPAYMENT = timedelta(hours=1)
REINSTATED_WITHIN = timedelta(days=7)


class LapsePrepayment(Command):
    """Time has passed, and the pre-payment is not authorised. Only this service says so, to itself: no topic carries it."""


Office = ExpireBooking | MaintenanceCancel | SuggestRebooking | OverrideBooking | LapsePrepayment


def holds(booking: Booking, data: Office) -> bool:
    """Return whether the effect of `data` holds already."""
    match data:
        case MaintenanceCancel():
            return booking.cancellation_reason == "maintenance"
        case SuggestRebooking():
            return booking.suggestions == data.suggestions
        case OverrideBooking():
            return booking.status == data.target
        case ExpireBooking() | LapsePrepayment():
            return False
        case _:
            assert_never(data)


def answer(booking: Booking, data: Office, actor: Actor, facts: Facts, now: datetime) -> Answer:
    """Say what happens, where status and sender are right."""
    match data:
        case ExpireBooking():
            return _expire(booking, data, actor, now)
        case MaintenanceCancel():
            return cancelled(booking, actor, "maintenance", now, data.reason)
        case SuggestRebooking():
            return RebookingSuggested(status=booking.status, suggestions=data.suggestions)
        case OverrideBooking():
            return _override(booking, data, facts, now)
        case LapsePrepayment():
            return _lapse(booking, actor, now)
        case _:
            assert_never(data)


def is_final(booking: Booking) -> bool:
    """Return whether nothing reinstates the booking: of cancelled ones, only what expired can be."""
    return booking.status == "cancelled" and booking.cancellation_reason != "expired"


def _expire(booking: Booking, data: ExpireBooking, actor: Actor, now: datetime) -> BookingCancelled | Refusal:
    if not (booking.booking_date < now and data.expires_at > booking.booking_date and now >= data.expires_at):
        return Refusal(
            "not-due", f"the deadline {data.expires_at.isoformat()} of a booking for {booking.booking_date.isoformat()} is not reached"
        )
    if now >= data.valid_until:
        return Refusal("stale-command", f"the command was valid until {data.valid_until.isoformat()}")
    event = cancelled(booking, actor, "expired", now)
    return event.model_copy(update={"auto_cancelled": True, "expired_at": data.expires_at, "evidence": data.evidence})


def _lapse(booking: Booking, actor: Actor, now: datetime) -> BookingCancelled | Refusal:
    if now < booking.created_at + PATIENCE_FOR_PREPAYMENT:
        return Refusal("not-due", "the pre-payment may still be authorised")
    return cancelled(booking, actor, "payment-failed", now)


def _override(booking: Booking, data: OverrideBooking, facts: Facts, now: datetime) -> BookingOverridden | Refusal:
    if booking.cancelled_at is not None and now > booking.cancelled_at + REINSTATED_WITHIN:
        return Refusal("override-too-late", f"a booking can be reinstated for {REINSTATED_WITHIN.days} days")
    refusal = _wrong_money(booking, data) or (facts.refuse_overlap(booking.slot) if data.target in OCCUPYING else None)
    return refusal or BookingOverridden(
        status=data.target,
        from_=booking.status,
        target=data.target,
        reason=data.reason,
        booking_date=booking.slot.start,
        ends_at=booking.slot.end,
        refund_amount=data.refund_amount,
    )


def _wrong_money(booking: Booking, data: OverrideBooking) -> Refusal | None:
    """Refuse to give back more than is there, to complete what is not paid, and to reopen what was paid back or never was paid ahead."""
    money, back = booking.money, data.refund_amount or 0
    if back > money.kept:
        return Refusal("money-inconsistent", f"{money.kept} {booking.currency} can be refunded, not {back}")
    if data.target == "completed" and (money.is_held or money.kept != booking.total_amount):
        return Refusal("money-inconsistent", f"a completed booking has been paid {booking.total_amount}, and {money.kept} is there")
    if data.target in {"pending", "confirmed", "awaiting_confirmation"} and (money.kept - back != money.captured or not booking.is_secured):
        return Refusal("money-inconsistent", "the money was given back or is not authorised: a new booking is needed")
    return None
