"""Batches of booking events and of reminders: letters' facts are projected, and new letters enter the ledger."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.deadlines import LapseReminderDue
from contracts.events import Event
from contracts.message import Message
from services.notifier import projections, store
from services.notifier.details import details_of
from services.notifier.entering import Occasion, enter_new
from services.notifier.facts import Booking, fold
from services.notifier.letters import STALE, letters_about, letters_reminding, silenced
from services.runtime.outcomes import Burial, Fate, Outcome, Received

Occurred = Message[Event]
Reminder = Message[LapseReminderDue]
Step = tuple[Occurred, Booking | None, Booking]


async def settle_events(
    connection: AsyncConnection, received: Sequence[Received], now: datetime, *, auto_cancel_letters: bool
) -> list[Outcome]:
    """Project booking events, and enter the letters about those that are new in the ledger."""
    events = [cast(Occurred, r.message) for r in received]
    bookings = await projections.load_bookings(connection, (event.booking for event in events))
    fates, steps = list[Outcome](), list[Step]()
    for event in events:
        before = bookings.get(event.booking)
        fates.append(_project(bookings, event))
        if fates[-1] is Fate.HANDLED:
            steps.append((event, before, bookings[event.booking]))
    occasions = [_occasion(step, bookings, auto_cancel_letters=auto_cancel_letters) for step in steps]
    await projections.save_bookings(connection, {o.booking.id: o.booking for o in occasions}.values())
    await enter_new(connection, [(e.booking, e.id) for e in events], occasions, now)
    return fates


def _project(bookings: dict[UUID, Booking], event: Occurred) -> Outcome:
    """Fold `event` into `bookings`, unless that is done already."""
    id_, version = event.booking, event.aggregate_version
    known = bookings.get(id_)
    if version is None:
        return Burial("schema", "ce_aggregateversion is missing")
    if known and version <= known.version:
        return Fate.DUPLICATE
    booking = fold(known, id_, version, event.data)
    if booking is None:
        return Burial("orphan", f"{event.name} came before the creation of its booking")
    bookings[id_] = booking
    return Fate.HANDLED


def _occasion(step: Step, bookings: Mapping[UUID, Booking], *, auto_cancel_letters: bool) -> Occasion:
    event, before, after = step
    return Occasion(
        bookings[after.id],
        after.version,
        event.id,
        event.correlation_id or event.id,
        letters_about(event.data, before),
        details_of(event.data),
        silenced(event.data, after, auto_cancel_letters=auto_cancel_letters),
    )


async def settle_deadlines(connection: AsyncConnection, received: Sequence[Received], now: datetime) -> list[Outcome]:
    """Enter the letters of reminders. Of several about one booking the last is told; the others come too late, and the ledger says so."""
    reminders = {(message.booking, message.id): message for r in received if (message := _reminder(r))}
    last, bookings = dict(reminders.keys()), await projections.load_bookings(connection, (booking for booking, _ in reminders))
    told = await store.last_told(connection, "reminder-customer", bookings)
    occasions = [
        _reminding(bookings[booking], reminder, told.get(booking, 0), overtaken=last[booking] != event)
        for (booking, event), reminder in reminders.items()
        if booking in bookings
    ]
    done = await enter_new(connection, reminders, occasions, now)
    return [_fate(message, bookings, done) if (message := _reminder(r)) else Fate.UNCHANGED for r in received]


def _reminder(received: Received) -> Reminder | None:
    message = received.message
    return cast(Reminder, message) if isinstance(message, Message) and isinstance(message.data, LapseReminderDue) else None


def _reminding(booking: Booking, reminder: Reminder, told: int, *, overtaken: bool) -> Occasion:
    """Return what a reminder tells; the customer hears of it unless they were told after the provider was asked the last time."""
    letters = letters_reminding(first=booking.asked is not None and told < booking.asked)
    correlation, silenced = reminder.correlation_id or reminder.id, STALE if overtaken else None
    return Occasion(booking, reminder.data.expected_version, reminder.id, correlation, letters, details_of(reminder.data), silenced)


def _fate(reminder: Reminder, bookings: Collection[UUID], done: set[tuple[UUID, str]]) -> Outcome:
    """Return what became of `reminder`, and note it as done."""
    if reminder.booking not in bookings:
        return Burial("orphan", "a reminder of a booking whose creation is not known")
    if (reminder.booking, reminder.id) in done:
        return Fate.DUPLICATE
    done.add((reminder.booking, reminder.id))
    return Fate.HANDLED
