"""What the expiry service makes of messages: events keep the deadline index, policies date it, rejections answer its commands."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import BookingCancelled, BookingCreated, Event
from contracts.message import Message
from contracts.rejections import CommandRejected
from services.expiry import emissions, published, run_answers, store
from services.expiry.current import Current
from services.expiry.facts import after, begun
from services.expiry.published import AnyPolicy, Version
from services.expiry.shipped import is_shipped
from services.expiry.store import Entry
from services.runtime.db import once_committed
from services.runtime.metrics import MAINTENANCE_COMMANDS
from services.runtime.outcomes import Burial, Fate, Handler, Outcome, Received


def indexing(current: Current) -> Handler:
    """Return the handler of booking events, which dates bookings by the policies as they stand."""

    async def index(connection: AsyncConnection, batch: Sequence[Received], now: datetime) -> list[Outcome]:
        """Fold events in memory, each booking locked, and write what changed."""
        dating = await current.dating(connection, now)
        before = await store.read(connection, (cast(Message[Event], r.message).booking for r in batch), lock=True)
        entries = dict(before)
        outcomes = [_follow(entries, cast(Message[Event], r.message)) for r in batch]
        await store.save(connection, [e.dated(dating.policies, dating.at) for i, e in entries.items() if e is not before.get(i)])
        await _note_maintained(connection, [cast(Message[Event], r.message) for r in batch])
        return outcomes

    return index


def _follow(entries: dict[UUID, Entry], event: Message[Event]) -> Outcome:
    """Bring the event's entry forward. After a gap the facts would be wrong: such an event waits in dead letters for its predecessor."""
    booking, version = event.booking, event.aggregate_version
    if version is None:
        return Burial("schema", "ce_aggregateversion: an event of a booking needs its version")
    entry = entries.get(booking)
    stands = entry.version if entry else 0
    if version <= stands:
        return Fate.DUPLICATE
    begins = isinstance(event.data, BookingCreated)
    if version > stands + 1 or begins != (entry is None):
        return Burial("poison", f"{event.name} of version {version} cannot follow version {stands}: redrive what is missing, then this one")
    entries[booking] = _moved(entry, event) if entry else _created(booking, cast(BookingCreated, event.data), event.time)
    return Fate.HANDLED


def _created(booking: UUID, data: BookingCreated, at: datetime) -> Entry:
    return Entry(booking, 1, begun(data, at), total_amount=data.total_amount, currency=data.currency)


def _moved(entry: Entry, event: Message[Event]) -> Entry:
    data, moved = event.data, after(entry.facts, event)
    cancelled = data if isinstance(data, BookingCancelled) else entry if data.status == "cancelled" else None
    return replace(
        entry,
        version=entry.version + 1,
        facts=moved,
        reminded_until=entry.reminded_until if moved == entry.facts else event.time,
        cancelled_at=cancelled.cancelled_at if cancelled else None,
        expired_at=cancelled.expired_at if cancelled else None,
    )


async def settle_policies(connection: AsyncConnection, batch: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Keep policies and calendars; of each only a higher version counts, and none that is called like one that comes with the service."""
    highest = {data.required_subject(): Version(data).rank for data in await published.heard(connection)}
    outcomes: list[Outcome] = []
    new: list[AnyPolicy] = []
    for version in (Version(cast(Message[AnyPolicy], r.message).data) for r in batch):
        counts = version.rank > highest.get(version.subject, ()) and not is_shipped(version.data)
        if counts:
            highest[version.subject] = version.rank
            new.append(version.data)
        outcomes.append(Fate.HANDLED if counts else Fate.UNCHANGED)
    await published.hear(connection, new)
    return outcomes


async def _note_maintained(connection: AsyncConnection, events: Sequence[Message[Event]]) -> None:
    """Answer the runs that have bookings cancelled for maintenance."""
    cancelled = [(e.booking, e.data.cancelled_at) for e in events if isinstance(e.data, BookingCancelled) and _is_maintenance(e.data)]
    if cancelled:
        handled = await run_answers.note_maintained(connection, cancelled)
        once_committed(connection, lambda: MAINTENANCE_COMMANDS.labels("handled").inc(handled))


def _is_maintenance(data: BookingCancelled) -> bool:
    return data.cancellation_reason == "maintenance"


async def note_rejections(connection: AsyncConnection, batch: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Note the answers to our own commands."""
    rejections = [cast(Message[CommandRejected], r.message) for r in batch]
    if ours := [rejection for rejection in rejections if _is_ours(rejection)]:
        await emissions.refuse(connection, ours)
        refused = await run_answers.refuse(connection, ours)
        once_committed(connection, lambda: MAINTENANCE_COMMANDS.labels("refused").inc(refused))
    return [Fate.HANDLED if _is_ours(rejection) else Fate.UNCHANGED for rejection in rejections]


def _is_ours(rejection: Message[CommandRejected]) -> bool:
    return rejection.data.command_source == emissions.SOURCE
