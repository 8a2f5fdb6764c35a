"""Enters letters in the send ledger: for everybody who is told, on each channel that reaches them, once.

A letter in the app is delivered by that; the others wait for their round.
"""

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
from services.notifier.letters import IN_APP, Letter, channels_to, stale
from services.runtime.db import once_committed
from services.runtime.metrics import NOTIFICATIONS


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to tell of `booking`, as it is by now: the message `event` about its `version`, and why nobody is told after all."""

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
    _count(connection, ((key.channel, key.template, "duplicate", 1) for key in known))
    done = {(key.booking, key.event) for key in known}
    await _enter(connection, [o for o in occasions if (o.booking.id, o.event) not in done], now)
    return done


async def _enter(connection: AsyncConnection, occasions: Sequence[Occasion], now: datetime) -> None:
    """Enter letters; all but those that wait for their round are settled by that."""
    people = await projections.load_people(connection, {i for o in occasions for i in (o.booking.customer, o.booking.provider)})
    outcomes = [_first_outcome(entry, o, now) for o in occasions for entry in _entries(o, people)]
    entered = await store.enter(connection, outcomes, now)
    known = Counter((o.entry.key.channel, o.entry.key.template, o.state) for o in outcomes) - entered
    _count(connection, ((channel, template, "duplicate", number) for (channel, template, _), number in known.items()))
    _count(connection, ((*told, number) for told, number in entered.items() if told[-1] is not State.PENDING))


def _entries(occasion: Occasion, people: Mapping[UUID, Person]) -> Iterator[Entry]:
    booking = occasion.booking
    for letter in occasion.letters:
        recipient = booking.customer if letter.to == "customer" else booking.provider
        for channel in channels_to(people.get(recipient)):
            key = Key(booking.id, occasion.event, recipient, channel, letter.template)
            yield Entry(key, occasion.version, occasion.correlation_id, occasion.details)


def _first_outcome(entry: Entry, occasion: Occasion, now: datetime) -> Outcome:
    if occasion.silenced:
        return Outcome(entry, 0, State.SUPPRESSED, occasion.silenced)
    if entry.key.channel != IN_APP:
        return Outcome(entry, 0, State.PENDING)
    reason = stale(entry, occasion.booking, now)
    return Outcome(entry, 1, State.SUPPRESSED if reason else State.SENT, reason)


def _count(connection: AsyncConnection, numbers: Iterable[tuple[str, str, str, int]]) -> None:
    """Count letters by channel, template and outcome once it is certain."""
    certain = list(numbers)

    def add() -> None:
        for *letter, number in certain:
            NOTIFICATIONS.labels(*letter).inc(number)

    once_committed(connection, add)
