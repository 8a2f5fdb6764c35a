"""Batches of directory messages and of booking events: facts are projected, and who needs another slot is answered once."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Event
from contracts.message import Message
from services.directory import catalogue, market, store
from services.directory.facts import Booking, fold
from services.directory.projection import changes, standing_leave
from services.directory.slots import Hours, Leave
from services.directory.suggestions import Cause, command, needs_another_slot, suggest
from services.directory.tables import SCHEMA
from services.runtime import outbox
from services.runtime.outcomes import Burial, Fate, Outcome, Received

log = structlog.get_logger()
EVENTS_GROUP = "directory.events"


async def project(connection: AsyncConnection, batch: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Keep people, services, hours and leave as they are now."""
    change = changes(received.message for received in batch)
    await catalogue.save_people(connection, change.rows["person"])
    await catalogue.erase(connection, change.erased)
    for kind in ("service", "hours", "leave"):
        await catalogue.forget(connection, kind, change.gone[kind])
    await catalogue.save_services(connection, change.rows["service"])
    await catalogue.save_hours(connection, change.rows["hours"])
    await catalogue.save_leave(connection, change.rows["leave"])
    return [Fate.HANDLED for _ in batch]


async def follow_bookings(connection: AsyncConnection, batch: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Keep bookings, their time and their providers' figures; answer declines, providers' cancels and requests that expired."""
    await store.take_turns(connection, EVENTS_GROUP, (received.record.partition for received in batch))
    events = [cast(Message[Event], received.message) for received in batch]
    before = await store.load_bookings(connection, (event.booking for event in events))
    bookings, causes = dict(before), list[Cause]()
    outcomes = [_follow(bookings, causes, event) for event in events]
    await store.save_bookings(connection, before, [booking for id_, booking in bookings.items() if booking is not before.get(id_)])
    await _answer(connection, causes)
    return outcomes


def _follow(bookings: dict[UUID, Booking], causes: list[Cause], event: Message[Event]) -> Outcome:
    """Bring the event's booking forward, unless that is done already, and note if its customer needs another slot."""
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
    if needs_another_slot(event.data):
        causes.append(Cause.cancelled(event, booking))
    return Fate.HANDLED


async def answer_leave(connection: AsyncConnection, batch: Sequence[Received], now: datetime) -> list[Outcome]:
    """Answer for the pending and confirmed bookings that a leave hits."""
    leaves = standing_leave([received.message for received in batch])
    hours = await market.load_hours(connection, (leave.data.provider for leave in leaves))
    periods = [
        (leave.data.provider, hours.get(leave.data.provider, Hours()).period(Leave(leave.data.from_, leave.data.to))) for leave in leaves
    ]
    hits = await store.hit_by(connection, periods) if periods else []
    await _answer(connection, [Cause.leave(leaves[n], booking, periods[n][1], now) for n, booking in hits])
    return [Fate.HANDLED for _ in batch]


async def _answer(connection: AsyncConnection, causes: Sequence[Cause]) -> None:
    """Queue one command for each cause that was never answered before and for which something is free."""
    new = await store.remember(connection, [(cause.booking.id, cause.key) for cause in causes])
    unanswered = [cause for cause in causes if (cause.booking.id, cause.key) in new]
    if not unanswered:
        return
    known = await market.load(connection, unanswered)
    found = [(cause, suggest(cause, known)) for cause in unanswered]
    await outbox.append(connection, SCHEMA, [outbox.outgoing(command(cause, suggestions)) for cause, suggestions in found if suggestions])
    for cause in (cause for cause, suggestions in found if not suggestions):
        log.info("nothing_to_suggest", booking=str(cause.booking.id), cause=cause.key)
