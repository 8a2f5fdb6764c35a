"""The rule: who may change a booking, when, and what then has happened. The table is data; `decide` reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import UUID

from contracts.actors import Actor
from contracts.commands import AcceptBooking, CancelBooking, CreateBooking, DeclineBooking, ExpireBooking
from contracts.events import BookingAccepted, BookingCancelled, BookingCreated, BookingSubmitted, CancellationReason, Status
from contracts.message import Message
from contracts.rejections import RejectionCode
from services.booking.state import Booking, BookingEvent, Occurred, Slot, creation_digest

BookingCommand = CreateBooking | AcceptBooking | DeclineBooking | CancelBooking | ExpireBooking
SYSTEM = Actor.system("booking")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: `command` by `who` takes a booking from one of `before` to `after`, and so `events` happen."""

    command: type[BookingCommand]
    who: tuple[str, ...]
    before: tuple[Status | None, ...]
    after: Status
    events: tuple[type[BookingEvent], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the system adds by itself: from `before` to `after` by `event`."""

    before: Status
    after: Status
    event: type[BookingEvent]
    note: str


ROWS = (
    Row(CreateBooking, ("customer", "admin", "upstream"), (None,), "created", (BookingCreated,), "a customer only for itself"),
    Row(
        AcceptBooking,
        ("provider", "admin"),
        ("pending",),
        "confirmed",
        (BookingAccepted,),
        "unless it overlaps another booking of the provider",
    ),
    Row(DeclineBooking, ("provider", "admin"), ("pending",), "cancelled", (BookingCancelled,), "reason `declined`"),
    Row(
        CancelBooking,
        ("customer", "provider", "admin"),
        ("created", "pending", "confirmed"),
        "cancelled",
        (BookingCancelled,),
        "the reason is who cancels",
    ),
    Row(
        ExpireBooking,
        ("system:expiry",),
        ("pending", "confirmed"),
        "cancelled",
        (BookingCancelled,),
        "reason `expired`, once its deadline is reached",
    ),
)
FOLLOW_UPS = (FollowUp("created", "pending", BookingSubmitted, "in the same transaction, unless a pre-payment is due first"),)
TABLE = {row.command: row for row in ROWS}


@dataclass(frozen=True, slots=True)
class Facts:
    """What `decide` has to know besides the booking: the busy time of its provider."""

    busy: Sequence[Slot] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rules refuse the command."""

    code: RejectionCode
    detail: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The command's effect holds already."""


Decision = tuple[Occurred, ...] | Refusal | Unchanged


def decide(booking: Booking | None, command: Message[BookingCommand], facts: Facts, now: datetime) -> Decision:
    """Return what happens when `command` meets `booking` at the business instant `now`. The order of checks is part of the contract."""
    row = TABLE[type(command.data)]
    if refusal := _stranger(booking, command) or _forbidden(row, command):
        return refusal
    if booking is not None and _holds(booking, command.data):
        return Unchanged()
    if refusal := _other_version(booking, command.data) or _wrong_status(booking, row, command.data):
        return refusal
    happened = _happens(booking, command, facts, now)
    if isinstance(happened, Refusal):
        return happened
    first = (booking.version if booking else 0) + 1
    return tuple(Occurred(UUID(command.subject), first + n, now, actor, data) for n, (actor, data) in enumerate(happened))


def allowed(booking: Booking | None, actor: Actor) -> list[str]:
    """Return the names of the commands that `actor` could send now; none to who is no party."""
    if booking is None or not is_party(booking, actor):
        return []
    return [row.command.__name__ for row in ROWS if booking.status in row.before and _may(row, actor)]


def is_party(booking: Booking, actor: Actor) -> bool:
    """Return whether `actor` may know of the booking: its own customer and provider, and whoever is neither kind of person."""
    match actor.kind:
        case "customer":
            return actor.id == str(booking.customer)
        case "provider":
            return actor.id == str(booking.provider)
        case _:
            return True


def _may(row: Row, actor: Actor) -> bool:
    return actor.kind in row.who or str(actor) in row.who


def _stranger(booking: Booking | None, command: Message[BookingCommand]) -> Refusal | None:
    if isinstance(command.data, CreateBooking) or (booking is not None and is_party(booking, command.actor)):
        return None
    return Refusal("not-found", f"{command.actor} is no party of a booking {command.subject}")


def _forbidden(row: Row, command: Message[BookingCommand]) -> Refusal | None:
    if not _may(row, command.actor):
        return Refusal("forbidden", f"{command.name} is for {', '.join(row.who)}, not for {command.actor.kind}")
    if isinstance(command.data, CreateBooking) and command.actor.kind == "customer" and command.actor.id != str(command.data.customer):
        return Refusal("forbidden", "a customer creates bookings only for itself")
    return None


def _holds(booking: Booking, data: BookingCommand) -> bool:
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
        case ExpireBooking():
            return False
        case _:
            assert_never(data)


def _other_version(booking: Booking | None, data: BookingCommand) -> Refusal | None:
    version = booking.version if booking else 0
    if data.expected_version in {None, version}:
        return None
    return Refusal("version-conflict", f"the booking is at version {version}, not {data.expected_version}: read it again")


def _wrong_status(booking: Booking | None, row: Row, data: BookingCommand) -> Refusal | None:
    status = booking.status if booking else None
    if status in row.before:
        return None
    if isinstance(data, CreateBooking):
        return Refusal("already-exists", "a booking of this id exists with other data: use a new id")
    return Refusal("invalid-transition", f"{row.command.__name__} is not possible while the booking is {status or 'unknown'}")


Happened = tuple[tuple[Actor, BookingEvent], ...]


def _happens(booking: Booking | None, command: Message[BookingCommand], facts: Facts, now: datetime) -> Happened | Refusal:
    """Apply the rules of each command's own fields, and say what happens."""
    data, actor = command.data, command.actor
    if isinstance(data, CreateBooking):
        return _create(data, actor)
    if booking is None:
        return Refusal("not-found", f"there is no booking {command.subject}")
    match data:
        case AcceptBooking():
            return _accept(booking, actor, facts)
        case DeclineBooking():
            return ((actor, _cancelled(booking, actor, "declined", now, note=data.reason)),)
        case CancelBooking():
            return ((actor, _cancelled(booking, actor, _canceller(actor), now, note=data.reason)),)
        case ExpireBooking():
            return _expire(booking, data, actor, now)
        case _:
            assert_never(data)


def _create(data: CreateBooking, actor: Actor) -> Happened | Refusal:
    due_first = data.prepaid and data.total_amount > 0
    if due_first and data.payment_method in {None, "cash"}:
        return Refusal("money-inconsistent", "a pre-paid booking cannot be paid in cash: name another payment_method")
    created = (actor, BookingCreated(status="created", **data.model_dump(exclude={"expected_version"})))
    return (created,) if due_first else (created, (SYSTEM, BookingSubmitted(status="pending")))


def _accept(booking: Booking, actor: Actor, facts: Facts) -> Happened | Refusal:
    slot = booking.slot
    if any(slot.overlaps(other) for other in facts.busy if other.booking != booking.id):
        return Refusal("slot-taken", "the provider has another booking at that time: reschedule one of the two")
    return ((actor, BookingAccepted(status="confirmed", booking_date=slot.start, ends_at=slot.end)),)


def _expire(booking: Booking, data: ExpireBooking, actor: Actor, now: datetime) -> Happened | Refusal:
    if not (booking.booking_date < now and data.expires_at > booking.booking_date and now >= data.expires_at):
        return Refusal(
            "not-due", f"the deadline {data.expires_at.isoformat()} of a booking for {booking.booking_date.isoformat()} is not reached"
        )
    if now >= data.valid_until:
        return Refusal("stale-command", f"the command was valid until {data.valid_until.isoformat()}")
    event = _cancelled(booking, actor, "expired", now)
    return ((actor, event.model_copy(update={"auto_cancelled": True, "expired_at": data.expires_at, "evidence": data.evidence})),)


def _canceller(actor: Actor) -> CancellationReason:
    match actor.kind:
        case "customer" | "provider":
            return actor.kind
        case _:
            return "admin"


def _cancelled(booking: Booking, actor: Actor, reason: CancellationReason, now: datetime, note: str | None = None) -> BookingCancelled:
    return BookingCancelled(
        status="cancelled",
        previous_status=booking.status,
        cancellation_reason=reason,
        cancellation_note=note,
        cancelled_by=str(actor),
        cancelled_at=now,
        auto_cancelled=False,
        expired_at=None,
        booking_date=booking.booking_date,
        evidence=None,
    )
