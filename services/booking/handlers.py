"""A batch of commands or payment facts, settled in one transaction: claimed, bookings locked, decided in arrival order, written back."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Event
from contracts.message import Message
from contracts.topics import BOOKING_COMMANDS, PAYMENT_EVENTS
from contracts.values import Contract
from contracts.wire import Tombstone
from services.booking import figures_store, parking, store
from services.booking.fold import Command, Fold
from services.booking.model import Booking, Slot
from services.booking.slots import wanted
from services.booking.store import SCHEMA
from services.runtime import inbox, outbox
from services.runtime.db import once_committed
from services.runtime.deadletters import dead_letter
from services.runtime.inbox import Identity
from services.runtime.metrics import COMMANDS, DEAD_LETTERS
from services.runtime.outcomes import Burial, Fate, Outcome, Received, Record, fate_of

GROUP, PAYMENTS_GROUP = "booking.commands", "booking.payments"
# One for both groups: an identity names one message, whichever topic brings it.
CONSUMER = "booking"
GROUPS = {BOOKING_COMMANDS.name: GROUP, PAYMENT_EVENTS.name: PAYMENTS_GROUP}
PATIENCE = timedelta(minutes=15)
ORPHANS_AT_ONCE = 500
NEPAL = ZoneInfo("Asia/Kathmandu")


@dataclass(slots=True)
class Item:
    """A message about `booking` on its way to its fate; `parked` is its place among the parked ones it came from."""

    command: Command
    record: Record
    booking: UUID
    parked: int | None = None
    outcome: Outcome | None = None

    @property
    def group(self) -> str:
        """The consumer group that reads its topic."""
        return GROUPS[self.record.topic]


async def settle(
    connection: AsyncConnection,
    received: Sequence[Received],
    now: datetime,
    auto_confirm_after: timedelta | None = None,
    zone: tzinfo = NEPAL,
) -> list[Outcome]:
    """Settle messages about any bookings; what was parked for them is settled along, where their booking exists.

    Figures are counted by local days of `zone`.
    """
    items = [_item(r.record, r.message) for r in received]
    await _claim(connection, items)
    await _settle(connection, items, {item.booking for item in _open(items)}, now, auto_confirm_after, zone)
    return [cast(Outcome, item.outcome) for item in items]


async def settle_own(connection: AsyncConnection, commands: Sequence[Command], now: datetime, zone: tzinfo = NEPAL) -> list[Outcome]:
    """Settle commands that the service gives itself. What it fails on gives its claim back, and so comes again."""
    return await settle(connection, [Received(_unsent(command), command) for command in commands], now, zone=zone)


def _unsent(command: Command) -> Record:
    return Record(BOOKING_COMMANDS.name, -1, -1, -1, command.key(), command.value(), command.headers())


async def settle_parked(
    connection: AsyncConnection, ids: Iterable[UUID], now: datetime, auto_confirm_after: timedelta | None = None, zone: tzinfo = NEPAL
) -> None:
    """Settle what is parked for bookings that have arrived meanwhile."""
    await _settle(connection, [], set(ids), now, auto_confirm_after, zone)


async def bury_orphans(connection: AsyncConnection, now: datetime) -> int:
    """Send what has been parked too long to dead letters; return how many."""
    orphans = [_item(p.record, p.message, p.position) for p in await parking.parked_since(connection, now - PATIENCE, ORPHANS_AT_ONCE)]
    for item in orphans:
        item.outcome = Burial("orphan", f"no booking {item.booking} within {PATIENCE}: send the CreateBooking, then redrive this one")
    await _retire(connection, orphans)
    return len(orphans)


async def _settle(
    connection: AsyncConnection, items: list[Item], ids: set[UUID], now: datetime, auto_confirm_after: timedelta | None, zone: tzinfo
) -> None:
    bookings = await store.lock_bookings(connection, ids)
    await _remember(connection, bookings, _open(items))
    waiting = [_item(p.record, p.message, p.position) for p in await parking.parked_for(connection, ids)]
    busy = await _busy(connection, bookings, [*items, *waiting])
    fold = Fold(now, dict(bookings), busy, auto_confirm_after)
    for item in _in_order(fold, _open(items), waiting):
        item.outcome = fold.settle(item.command)
    await _write(connection, bookings, fold, items)
    await figures_store.record(connection, bookings, fold.bookings, (cast(Message[Event], logged.event) for logged in fold.events), zone)
    await _retire(connection, [w for w in waiting if w.outcome is not None])


def _item(record: Record, message: Message[Contract] | Tombstone, parked: int | None = None) -> Item:
    command = cast(Command, message)
    return Item(command, record, command.booking, parked)


def _open(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if item.outcome is None]


async def _claim(connection: AsyncConnection, items: Sequence[Item]) -> None:
    """Let the first message of an identity pass; copies have no effect, and impostors are buried."""
    claims = await inbox.claim(connection, SCHEMA, CONSUMER, (item.command for item in items))
    first: dict[Identity, bytes] = dict(claims.known)
    for item in items:
        identity = item.command.identity
        if identity in first:
            item.outcome = _repeated(item, first[identity])
        else:
            first[identity] = item.command.payload_hash


async def _remember(connection: AsyncConnection, bookings: Mapping[UUID, Booking], items: Sequence[Item]) -> None:
    """Ask the event log too, which never forgets what caused its events."""
    known = await store.causes(connection, bookings, [item.command.identity for item in items if item.booking in bookings])
    for item in items:
        if item.command.identity in known:
            item.outcome = _repeated(item, known[item.command.identity])
    await inbox.release(connection, SCHEMA, CONSUMER, [item.command.identity for item in items if isinstance(item.outcome, Burial)])


def _repeated(item: Item, payload_hash: bytes) -> Outcome:
    if item.command.payload_hash == payload_hash:
        return Fate.DUPLICATE
    return Burial(
        "equivocation", f"{item.command.source} has used the id {item.command.id} for another message: send this one under a new id"
    )


async def _busy(connection: AsyncConnection, bookings: Mapping[UUID, Booking], items: Iterable[Item]) -> list[Slot]:
    """Lock the providers whose time is asked for, and load what is taken of it."""
    slots = list(wanted(bookings, ((item.booking, item.command.data) for item in items)))
    await store.lock_providers(connection, {slot.provider for slot in slots})
    return await store.busy_slots(connection, slots)


def _in_order(fold: Fold, items: Sequence[Item], waiting: Sequence[Item]) -> Iterator[Item]:
    """Yield items as they arrived; what waits for a booking comes as soon as that exists."""
    queues: dict[UUID, list[Item]] = defaultdict(list)
    for item in waiting:
        queues[item.booking].append(item)
    for item in items:
        if item.booking in fold.bookings:
            yield from queues.pop(item.booking, ())
        yield item
        if item.outcome is Fate.PARKED:
            queues[item.booking].append(item)
        elif item.booking in fold.bookings:
            yield from queues.pop(item.booking, ())
    for booking in [b for b in queues if b in fold.bookings]:
        yield from queues.pop(booking)


async def _write(connection: AsyncConnection, before: Mapping[UUID, Booking], fold: Fold, items: Sequence[Item]) -> None:
    await store.save_bookings(connection, before, fold.bookings)
    await store.append_events(connection, fold.events)
    await outbox.append(connection, SCHEMA, [outbox.outgoing(rejection) for rejection in fold.rejections])
    await parking.park(connection, [(i.booking, i.record) for i in items if i.outcome is Fate.PARKED], fold.now)
    await _note(connection, [i for i in items if i.outcome not in {Fate.DUPLICATE, Fate.HANDLED} and not _is_impostor(i)])


async def _retire(connection: AsyncConnection, unparked: Sequence[Item]) -> None:
    """Forget parked commands that met their fate; their dead letters go through the outbox, since no offset brings them back."""
    letters = [dead_letter(i.record, i.outcome, i.group) for i in unparked if isinstance(i.outcome, Burial)]
    await outbox.append(connection, SCHEMA, letters)
    await parking.unpark(connection, [i.parked for i in unparked if i.parked is not None])
    await _note(connection, unparked)
    once_committed(connection, lambda: _count(unparked))


async def _note(connection: AsyncConnection, items: Sequence[Item]) -> None:
    """Record outcomes in the inbox; what is buried gives its claim back, so that it can be sent again."""
    outcomes = {i.command.identity: fate_of(cast(Outcome, i.outcome)) for i in items}
    await inbox.record_outcomes(connection, SCHEMA, CONSUMER, {k: v for k, v in outcomes.items() if v is not Fate.BURIED})
    await inbox.release(connection, SCHEMA, CONSUMER, [k for k, v in outcomes.items() if v is Fate.BURIED])


def _is_impostor(item: Item) -> bool:
    return isinstance(item.outcome, Burial) and item.outcome.reason == "equivocation"


def _count(items: Iterable[Item]) -> None:
    for item in items:
        outcome = cast(Outcome, item.outcome)
        if item.group == GROUP:
            COMMANDS.labels(item.command.name, fate_of(outcome)).inc()
        if isinstance(outcome, Burial):
            DEAD_LETTERS.labels(item.record.topic, outcome.reason).inc()
