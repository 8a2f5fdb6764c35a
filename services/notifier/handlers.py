"""Batches of booking events and of directory messages: letters' facts are projected, and new letters enter the ledger."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.directory import PersonErased, PersonUpserted, ServiceUpserted
from contracts.events import Event
from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Tombstone
from services.notifier import store
from services.notifier.facts import Booking, Person, fold
from services.notifier.ledger import Entry, Key, Outcome, State
from services.notifier.letters import channels_to, letters_about, silenced
from services.notifier.receipts import receipt
from services.notifier.tables import SCHEMA
from services.runtime import outbox
from services.runtime.metrics import NOTIFICATIONS
from services.runtime.outcomes import Burial, Fate, Outcome as Settled, Received

Occurred = Message[Event]
FINAL = "infinity"
PERSON_KEY = re.compile(r"person:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


async def settle_events(
    connection: AsyncConnection, received: Sequence[Received], now: datetime, *, auto_cancel_letters: bool
) -> list[Settled]:
    """Project booking events, and enter the letters about those that are new in the ledger."""
    events = [cast(Occurred, r.message) for r in received]
    bookings = await store.load_bookings(connection, map(_booking_id, events))
    fates = [_project(bookings, event) for event in events]
    new = [event for event, fate in zip(events, fates, strict=True) if fate is Fate.HANDLED]
    await store.save_bookings(connection, [bookings[i] for i in {_booking_id(event) for event in new}])
    told = await _already_told(connection, events)
    await _enter(connection, bookings, [e for e in new if (_booking_id(e), e.id) not in told], now, auto_cancel_letters=auto_cancel_letters)
    return fates


def _booking_id(event: Occurred) -> UUID:
    return UUID(event.subject)


def _project(bookings: dict[UUID, Booking], event: Occurred) -> Settled:
    """Fold `event` into `bookings`, unless that is done already."""
    id_, version = _booking_id(event), event.aggregate_version
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


async def _already_told(connection: AsyncConnection, events: Iterable[Occurred]) -> set[tuple[UUID, str]]:
    """Return the (booking, event id) that the ledger holds letters about, and count those as duplicates."""
    keys = await store.ledgered(connection, [(_booking_id(e), e.id) for e in events if letters_about(e.data)])
    _count(keys, "duplicate")
    return {(key.booking, key.event) for key in keys}


async def _enter(
    connection: AsyncConnection, bookings: Mapping[UUID, Booking], events: Sequence[Occurred], now: datetime, *, auto_cancel_letters: bool
) -> None:
    """Enter the letters about `events`; those that are to stay silent get their receipt right away."""
    about = [bookings[_booking_id(event)] for event in events]
    people = await store.load_people(connection, {i for booking in about for i in (booking.customer, booking.provider)})
    outcomes = [
        _first_outcome(entry, silenced(event.data, auto_cancel_letters=auto_cancel_letters))
        for event, booking in zip(events, about, strict=True)
        for entry in _entries(event, booking, people)
    ]
    entered = await store.enter(connection, outcomes, now)
    _count((o.entry.key for o in outcomes if o.entry.key not in entered), "duplicate")
    silent = [o for o in outcomes if o.state is State.SUPPRESSED and o.entry.key in entered]
    await outbox.append(connection, SCHEMA, [outbox.outgoing(receipt(o, now)) for o in silent])
    _count((o.entry.key for o in silent), "suppressed")


def _entries(event: Occurred, booking: Booking, people: Mapping[UUID, Person]) -> Iterator[Entry]:
    for letter in letters_about(event.data):
        recipient = booking.customer if letter.to == "customer" else booking.provider
        for channel in channels_to(people.get(recipient)):
            key = Key(booking.id, event.id, recipient, channel, letter.template)
            yield Entry(key, event.aggregate_version or booking.version, event.correlation_id or event.id)


def _first_outcome(entry: Entry, reason: str | None) -> Outcome:
    return Outcome(entry, 0, State.SUPPRESSED if reason else State.PENDING, reason)


def _count(keys: Iterable[Key], outcome: str) -> None:
    for (channel, template), number in Counter((key.channel, key.template) for key in keys).items():
        NOTIFICATIONS.labels(channel, template, outcome).inc(number)


async def settle_directory(connection: AsyncConnection, received: Sequence[Received], _now: datetime) -> list[Settled]:
    """Project people and the names of services; whoever is erased leaves an empty row."""
    messages = [r.message for r in received]
    await store.save_people(connection, [row for m in messages if (row := _person(m))])
    await store.save_services(connection, [row for m in messages if (row := _service(m))])
    return [Fate.HANDLED for _ in messages]


def _person(message: Message[Contract] | Tombstone) -> dict[str, object] | None:
    if isinstance(message, Tombstone):
        found = PERSON_KEY.fullmatch(message.subject)
        return _erased(found[1]) if found else None
    data = message.data
    if isinstance(data, PersonErased):
        return _erased(str(data.id))
    if not isinstance(data, PersonUpserted):
        return None
    return {**data.model_dump(include={"id", "role", "name", "email", "language", "timezone", "active"}), "changed_at": message.time}


def _erased(id_: str) -> dict[str, object]:
    """Return an empty row that no later message fills again."""
    return {"id": id_, "active": False, "changed_at": FINAL}


def _service(message: Message[Contract] | Tombstone) -> dict[str, object] | None:
    if isinstance(message, Tombstone) or not isinstance(message.data, ServiceUpserted):
        return None
    return {"id": message.data.id, "name": message.data.name, "changed_at": message.time}
