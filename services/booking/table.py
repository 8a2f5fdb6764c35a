"""The lifecycle as data: which command by whom takes a booking from where to where, and what the system adds by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from contracts.actors import Actor
from contracts.commands import (
    AcceptBooking,
    CancelBooking,
    CompleteBooking,
    ConfirmDelivery,
    CreateBooking,
    DeclineBooking,
    DeliverService,
    DisputeDelivery,
    EditNotes,
    ExpireBooking,
    MaintenanceCancel,
    MarkNoShow,
    OverrideBooking,
    RescheduleBooking,
    ReviewBooking,
    SuggestRebooking,
    Target,
)
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
    RebookingSuggested,
    ReviewAdded,
    ServiceDelivered,
    Status,
)
from contracts.payments import PaymentFailed
from contracts.values import Contract
from services.booking.agreement import Arrangement
from services.booking.decisions import SYSTEM, Facts, cancelled
from services.booking.history import BookingEvent
from services.booking.model import Booking
from services.booking.office import LapsePrepayment, Office, is_final
from services.booking.work import Work, completed

BookingCommand = CreateBooking | Arrangement | Work | Office
Statuses = tuple[Status, ...]
BEFORE_WORK: Statuses = ("created", "pending", "confirmed")
REQUESTED: Statuses = ("pending", "confirmed")
AWAITING: Statuses = ("awaiting_confirmation",)
EVERY: Statuses = get_args(Status)
CUSTOMER, PROVIDER, PARTIES = ("customer", "admin"), ("provider", "admin"), ("customer", "provider", "admin")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: `command` by `who` takes a booking from one of `before` to `after`, or leaves its status where that is empty."""

    command: type[BookingCommand]
    who: tuple[str, ...]
    before: tuple[Status | None, ...]
    after: Statuses
    event: type[BookingEvent]
    note: str = ""

    def admits(self, actor: Actor) -> bool:
        """Return whether the row is for `actor`, by kind or by name."""
        return actor.kind in self.who or str(actor) in self.who

    def takes(self, booking: Booking | None) -> bool:
        """Return whether the command is possible where the booking stands."""
        if booking is None or booking.status not in self.before:
            return booking is None and None in self.before
        return not (self.command is OverrideBooking and is_final(booking))


ROWS = (
    Row(CreateBooking, ("customer", "admin", "upstream"), (None,), ("created",), BookingCreated, "a customer only for itself"),
    Row(AcceptBooking, PROVIDER, ("pending",), ("confirmed",), BookingAccepted, "unless it overlaps another booking of the provider"),
    Row(DeclineBooking, PROVIDER, ("pending",), ("cancelled",), BookingCancelled, "reason `declined`"),
    Row(CancelBooking, PARTIES, BEFORE_WORK, ("cancelled",), BookingCancelled, "the reason is who cancels"),
    Row(MaintenanceCancel, ("admin",), BEFORE_WORK, ("cancelled",), BookingCancelled, "reason `maintenance`"),
    Row(EditNotes, CUSTOMER, BEFORE_WORK, (), BookingNotesEdited),
    Row(RescheduleBooking, ("customer",), REQUESTED, ("pending",), BookingRescheduled, "the provider must accept again"),
    Row(RescheduleBooking, PROVIDER, REQUESTED, (), BookingRescheduled, "a confirmed one only where the provider is free"),
    Row(ExpireBooking, ("system:expiry",), REQUESTED, ("cancelled",), BookingCancelled, "reason `expired`, once its deadline is reached"),
    Row(SuggestRebooking, ("system:directory",), (*REQUESTED, "cancelled"), (), RebookingSuggested),
    Row(
        DeliverService,
        PROVIDER,
        ("confirmed",),
        ("service_delivered",),
        ServiceDelivered,
        "from 2 h before booking_date, with the photos that the service asks for",
    ),
    Row(ConfirmDelivery, (*CUSTOMER, str(SYSTEM)), AWAITING, (), DeliveryConfirmed, "by the system when nobody answered in time"),
    Row(CompleteBooking, PARTIES, AWAITING, ("completed",), BookingCompleted, "confirmed, undisputed and paid"),
    Row(DisputeDelivery, CUSTOMER, AWAITING, (), BookingDisputed, "takes a confirmation back"),
    Row(MarkNoShow, PARTIES, ("confirmed",), ("cancelled",), BookingCancelled, "reason `no_show_…`, after booking_date"),
    Row(ReviewBooking, ("customer",), ("completed",), (), ReviewAdded, "once"),
    Row(
        OverrideBooking,
        ("admin",),
        EVERY,
        get_args(Target),
        BookingOverridden,
        "from cancelled only what expired, for 7 days; no overlap, and money that fits",
    ),
    Row(LapsePrepayment, (str(SYSTEM),), ("created",), ("cancelled",), BookingCancelled, "reason `payment-failed`, after 1 h"),
)
TABLE: dict[type[BookingCommand], tuple[Row, ...]] = {row.command: tuple(r for r in ROWS if r.command is row.command) for row in ROWS}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the system adds in the same transaction, from `before` to `after`, once it is `due` (asked of the booking and what came)."""

    before: Status
    after: Status
    event: type[BookingEvent]
    note: str
    due: Callable[[Booking, Contract], bool]
    make: Callable[[Booking, Facts, datetime], BookingEvent]


def _requested(booking: Booking, facts: Facts, now: datetime) -> ConfirmationRequested:
    return ConfirmationRequested(
        status="awaiting_confirmation",
        amount_due=booking.amount_due,
        currency=booking.currency,
        auto_confirm_at=now + facts.auto_confirm_after if facts.auto_confirm_after is not None else None,
    )


FOLLOW_UPS = (
    FollowUp(
        "created",
        "pending",
        BookingSubmitted,
        "unless a pre-payment is due first",
        lambda booking, _: booking.is_secured,
        lambda *_: BookingSubmitted(status="pending"),
    ),
    FollowUp(
        "created",
        "cancelled",
        BookingCancelled,
        "reason `payment-failed`, when the authorisation has failed for good",
        lambda _, came: isinstance(came, PaymentFailed) and came.stage == "authorize" and came.terminal,
        lambda booking, _, now: cancelled(booking, SYSTEM, "payment-failed", now),
    ),
    FollowUp(
        "service_delivered",
        "awaiting_confirmation",
        ConfirmationRequested,
        "at once",
        lambda *_: True,
        _requested,
    ),
    FollowUp(
        "awaiting_confirmation",
        "completed",
        BookingCompleted,
        "once confirmed, undisputed and paid",
        lambda booking, _: booking.awaits_money and booking.is_paid,
        lambda booking, _, now: completed(booking, now),
    ),
)


def allowed(booking: Booking | None, actor: Actor) -> list[str]:
    """Return the names of the commands that `actor` could send now; none to who is no party."""
    if booking is None or not is_party(booking, actor):
        return []
    return [row.command.__name__ for row in ROWS if row.takes(booking) and row.admits(actor)]


def is_party(booking: Booking, actor: Actor) -> bool:
    """Return whether `actor` may know of the booking: its own customer and provider, and whoever is neither kind of person."""
    match actor.kind:
        case "customer":
            return actor.id == str(booking.customer)
        case "provider":
            return actor.id == str(booking.provider)
        case _:
            return True
