"""Enters letters in the send ledger: for everybody who is told, on each channel that reaches them, once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import projections, store
from services.notifier.details import Details
from services.notifier.facts import Booking, Person
from services.notifier.ledger import Entry, Key, Outcome, State
from services.notifier.letters import Letter, channels_to
from services.notifier.receipts import receipt
from services.notifier.tables import SCHEMA
from services.runtime import outbox
from services.runtime.metrics import NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to tell of `booking` at `version`: the message `event`, and why nobody is told after all."""

    booking: Booking
    version: int
    event: str
    correlation_id: str
    letters: Sequence[Letter]
    details: Details
    silenced: str | None = None


async def enter_new(
    connection: AsyncConnection, heard: Iterable[tuple[UUID, str]], occasions: Iterable[Occasion], now: datetime
) -> set[tuple[UUID, str]]:
    """Enter the letters of those `occasions` that the ledger knows nothing of.

    `heard` are the (booking, event id) of a batch; those that the ledger knows are counted as duplicates, and returned.
    """
    known = await store.ledgered(connection, heard)
    _count(known, "duplicate")
    done = {(key.booking, key.event) for key in known}
    await _enter(connection, [o for o in occasions if (o.booking.id, o.event) not in done], now)
    return done


async def _enter(connection: AsyncConnection, occasions: Sequence[Occasion], now: datetime) -> None:
    """Enter letters; those that are to stay silent get their receipt right away."""
    people = await projections.load_people(connection, {i for o in occasions for i in (o.booking.customer, o.booking.provider)})
    outcomes = [_first_outcome(entry, o.silenced) for o in occasions for entry in _entries(o, people)]
    entered = await store.enter(connection, outcomes, now)
    _count((o.entry.key for o in outcomes if o.entry.key not in entered), "duplicate")
    silent = [o for o in outcomes if o.state is State.SUPPRESSED and o.entry.key in entered]
    await outbox.append(connection, SCHEMA, [outbox.outgoing(receipt(o, now)) for o in silent])
    _count((o.entry.key for o in silent), "suppressed")


def _entries(occasion: Occasion, people: Mapping[UUID, Person]) -> Iterator[Entry]:
    booking = occasion.booking
    for letter in occasion.letters:
        recipient = booking.customer if letter.to == "customer" else booking.provider
        for channel in channels_to(people.get(recipient)):
            key = Key(booking.id, occasion.event, recipient, channel, letter.template)
            yield Entry(key, occasion.version, occasion.correlation_id, occasion.details)


def _first_outcome(entry: Entry, reason: str | None) -> Outcome:
    return Outcome(entry, 0, State.SUPPRESSED if reason else State.PENDING, reason)


def _count(keys: Iterable[Key], outcome: str) -> None:
    for (channel, template), number in Counter((key.channel, key.template) for key in keys).items():
        NOTIFICATIONS.labels(channel, template, outcome).inc(number)
