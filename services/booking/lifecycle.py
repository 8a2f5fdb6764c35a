"""The rule: what happens when a command or a payment fact meets a booking. The table is data; `decide` reads it."""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from contracts.actors import Actor
from contracts.commands import CreateBooking, MarkNoShow
from contracts.message import Message
from services.booking import agreement, office, work
from services.booking.agreement import Arrangement
from services.booking.decisions import (
    SYSTEM as SYSTEM,
    Answer,
    Decision as Decision,
    Facts as Facts,
    Refusal as Refusal,
    Unchanged as Unchanged,
)
from services.booking.history import BookingEvent, Occurred
from services.booking.model import Booking
from services.booking.money import PaymentFact as PaymentFact, recorded
from services.booking.office import Office
from services.booking.state import evolve
from services.booking.table import (
    FOLLOW_UPS as FOLLOW_UPS,
    ROWS as ROWS,
    TABLE as TABLE,
    BookingCommand as BookingCommand,
    FollowUp as FollowUp,
    Row as Row,
    allowed as allowed,
    is_party as is_party,
)
from services.booking.work import Work

Cause = BookingCommand | PaymentFact
Step = tuple[Occurred, Booking]
Unfolded = tuple[Step, ...] | Refusal | Unchanged
FOLLOWED = {follow_up.before for follow_up in FOLLOW_UPS}


def decide(booking: Booking | None, message: Message[Cause], facts: Facts, now: datetime) -> Decision:
    """Return what happens when `message` meets `booking` at the business instant `now`."""
    steps = unfold(booking, message, facts, now)
    return steps if isinstance(steps, Refusal | Unchanged) else tuple(occurred for occurred, _ in steps)


def unfold(booking: Booking | None, message: Message[Cause], facts: Facts, now: datetime) -> Unfolded:
    """Return the same as `decide`, each event with the booking as it is then."""
    data = message.data
    answer = _record(booking, message, data) if isinstance(data, PaymentFact) else _command(booking, message, data, facts, now)
    if isinstance(answer, Refusal | Unchanged):
        return answer
    version = booking.version if booking else 0
    first = Occurred(message.booking, version + 1, now, message.actor, answer)
    return tuple(_followed(first, evolve(booking, first), data, facts))


def _record(booking: Booking | None, message: Message[Cause], data: PaymentFact) -> Answer | Unchanged:
    """Note a payment fact, which no rule refuses; only where there is no booking, or it is a copy, is there nothing to note."""
    event = recorded(booking.money, message.id, data, booking.currency, booking.status) if booking else None
    return event or Unchanged()


def _command(booking: Booking | None, message: Message[Cause], data: BookingCommand, facts: Facts, now: datetime) -> Answer | Unchanged:
    """Check a command. The order of the checks is part of the contract."""
    actor = message.actor
    row = next((row for row in TABLE[type(data)] if row.admits(actor)), None)
    if refusal := _stranger(booking, message.subject, data, actor) or _forbidden(row, data, actor):
        return refusal
    if booking is not None and _holds(booking, data, actor):
        return Unchanged()
    return _other_version(booking, data) or _wrong_status(booking, row, data) or _answer(booking, data, actor, facts, now)


def _stranger(booking: Booking | None, subject: str, data: BookingCommand, actor: Actor) -> Refusal | None:
    if isinstance(data, CreateBooking) or (booking is not None and is_party(booking, actor)):
        return None
    return Refusal("not-found", f"{actor} is no party of a booking {subject}")


def _forbidden(row: Row | None, data: BookingCommand, actor: Actor) -> Refusal | None:
    if row is None:
        who = dict.fromkeys(each for row in TABLE[type(data)] for each in row.who)
        return Refusal("forbidden", f"{type(data).__name__} is for {', '.join(who)}, not for {actor.kind}")
    if isinstance(data, CreateBooking) and actor.kind == "customer" and actor.id != str(data.customer):
        return Refusal("forbidden", "a customer creates bookings only for itself")
    if isinstance(data, MarkNoShow) and actor.kind == data.who:
        return Refusal("forbidden", f"a {actor.kind} says only of the other side that it did not come")
    return None


def _holds(booking: Booking, data: BookingCommand, actor: Actor) -> bool:
    """Return whether the effect of `data` holds already."""
    if isinstance(data, CreateBooking | Arrangement):
        return agreement.holds(booking, data)
    if isinstance(data, Work):
        return work.holds(booking, data, actor)
    if isinstance(data, Office):
        return office.holds(booking, data)
    assert_never(data)


def _other_version(booking: Booking | None, data: BookingCommand) -> Refusal | None:
    version = booking.version if booking else 0
    if data.expected_version in {None, version}:
        return None
    return Refusal("version-conflict", f"the booking is at version {version}, not {data.expected_version}: read it again")


def _wrong_status(booking: Booking | None, row: Row | None, data: BookingCommand) -> Refusal | None:
    if row is not None and row.takes(booking):
        return None
    if isinstance(data, CreateBooking):
        return Refusal("already-exists", "a booking of this id exists with other data: use a new id")
    status = booking.status if booking else "unknown"
    return Refusal("invalid-transition", f"{type(data).__name__} is not possible while the booking is {status}")


def _answer(booking: Booking | None, data: BookingCommand, actor: Actor, facts: Facts, now: datetime) -> Answer:
    """Apply the rules of each command's own fields, and say what happens."""
    if isinstance(data, CreateBooking):
        return agreement.create(data)
    if booking is None:
        return Refusal("not-found", "there is no such booking")
    if isinstance(data, Arrangement):
        return agreement.answer(booking, data, actor, facts, now)
    if isinstance(data, Work):
        return work.answer(booking, data, actor, now)
    if isinstance(data, Office):
        return office.answer(booking, data, actor, facts, now)
    assert_never(data)


def _followed(last: Occurred, booking: Booking, cause: Cause, facts: Facts) -> Iterator[Step]:
    """Yield `last` and what the system does by itself after it, one event after the other."""
    yield last, booking
    while booking.status in FOLLOWED and (event := _due(booking, cause, facts, last.at)):
        last = Occurred(booking.id, last.version + 1, last.at, SYSTEM, event)
        booking = evolve(booking, last)
        yield last, booking


def _due(booking: Booking, cause: Cause, facts: Facts, now: datetime) -> BookingEvent | None:
    follow_ups = (f for f in FOLLOW_UPS if f.before == booking.status and f.due(booking, cause))
    return next((f.make(booking, facts, now) for f in follow_ups), None)
