"""Ways to get it wrong, each at the place where a hurried change would: the simulation has to notice every one of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from faststream.kafka import KafkaMessage
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import ExpireBooking
from contracts.message import Message
from services.booking import lifecycle, parking, store as booking_store
from services.expiry.sweep import Sweep
from services.notifier import handlers as notifier, store as ledger
from services.notifier.ledger import Key, Outcome as Told
from services.runtime import inbox, outbox, relay
from services.runtime.clock import host_now
from services.runtime.consumer import Consumer, Raw, last_offsets
from services.runtime.db import Lock
from services.runtime.inbox import Claims
from services.runtime.outbox import Outgoing
from services.runtime.process import Process
from tests.simulation.world import Engines

Patch = pytest.MonkeyPatch
apply, claim, run_scan = Consumer.on_batch, inbox.claim, Sweep.run_once
other_version, enter, waiting = lifecycle._other_version, ledger.enter, booking_store.waiting
project = notifier._project


@dataclass(frozen=True)
class Mutant:
    """A mistake, the invariants that may be the first to break, and how many seeds are tried."""

    make: Callable[[Patch, Engines], None]
    broken: tuple[str, ...]
    seeds: int = 40


def offset_before_commit(patch: Patch, _: Engines) -> None:
    """Commit offsets when a batch is read."""

    async def on_batch(self: Consumer, message: KafkaMessage) -> None:
        await self._commit(message.consumer, last_offsets(message.raw_message))
        await apply(self, message)

    patch.setattr(Consumer, "on_batch", on_batch)


def no_inbox_check(patch: Patch, _: Engines) -> None:
    """Take every message for a new one."""

    async def claim_all(connection: AsyncConnection, schema: str, consumer: str, messages: Iterable[Message[Any]]) -> Claims:
        claims = await claim(connection, schema, consumer, messages)
        return Claims(claims.new | frozenset(claims.known), {})

    patch.setattr(inbox, "claim", claim_all)


def inbox_in_another_transaction(patch: Patch, engines: Engines) -> None:
    """Claim first, in a transaction of its own."""

    async def claim_apart(_: AsyncConnection, schema: str, consumer: str, messages: Iterable[Message[Any]]) -> Claims:
        async with engines.pool.begin() as connection:
            return await claim(connection, schema, consumer, messages)

    patch.setattr(inbox, "claim", claim_apart)


def relay_by_last_id(patch: Patch, _: Engines) -> None:
    """Publish what lies past the last row that was published: a transaction that commits late is skipped."""
    reached = {"last": 0}

    async def after_last(connection: AsyncConnection, limit: int) -> Sequence[Outgoing]:
        rows = [row for row in await waiting(connection, limit) if row.position > reached["last"]]
        reached["last"] = max([reached["last"], *(row.position for row in rows)])
        return rows

    patch.setattr(booking_store, "waiting", after_last)


def no_version_check_on_expire(patch: Patch, _: Engines) -> None:
    """Let an expiry that was asked for an earlier version pass."""
    patch.setattr(lifecycle, "_other_version", lambda b, data: None if isinstance(data, ExpireBooking) else other_version(b, data))


def two_relays(patch: Patch, engines: Engines) -> None:
    """Let every process publish."""

    async def take(self: Lock) -> AsyncConnection | None:
        if self._connection is None:
            self._connection = await (await engines.direct.connect()).execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    patch.setattr(Lock, "take", take)


def ledger_key_without_channel(patch: Patch, _: Engines) -> None:
    """Take a letter that went out on one channel for told on all."""

    async def enter_once(connection: AsyncConnection, outcomes: Iterable[Told], now: datetime) -> set[Key]:
        keyed = {replace(o.entry.key, channel=""): o for o in outcomes}
        return await enter(connection, keyed.values(), now)

    patch.setattr(ledger, "enter", enter_once)


def group_reset_that_sends_again(patch: Patch, _: Engines) -> None:
    """Send whatever is read, whether or not it was sent before."""

    async def forget(connection: AsyncConnection, heard: Iterable[tuple[Any, str]]) -> list[Key]:
        about = {"events": [event for _, event in heard]}
        await connection.execute(
            text("delete from notifier.deliveries where event = any(cast(:events as text[])) and state <> 'pending'"), about
        )
        return []

    patch.setattr(ledger, "ledgered", forget)
    patch.setattr(notifier, "_project", lambda bookings, event: project({}, event) and _projected(bookings, event))


def _projected(bookings: dict[Any, Any], event: Message[Any]) -> Any:
    known = bookings.get(notifier._booking_id(event))
    if known and (event.aggregate_version or 0) <= known.version:
        bookings[known.id] = replace(known, version=(event.aggregate_version or 1) - 1)
    return project(bookings, event)


def all_positions_committed(patch: Patch, _: Engines) -> None:
    """Commit wherever the client stands, also in partitions whose batch is not settled."""
    patch.setattr(Consumer, "_commit", lambda _self, client, _lasts: client.commit())


def unawaited_dead_letter(patch: Patch, _: Engines) -> None:
    """Send dead letters and look away."""

    async def publish(self: Process, records: Sequence[Outgoing]) -> None:
        for r in records:
            await self.producer.send(r.topic, r.value, r.key, headers=list(r.headers))

    patch.setattr(Process, "publish", publish)


def host_clock_in_expiry(patch: Patch, _: Engines) -> None:
    """Scan by the clock of the host."""
    patch.setattr(Sweep, "run_once", lambda self, connection, _now: run_scan(self, connection, host_now()))


def swallowed_error(patch: Patch, _: Engines) -> None:
    """Log a failure and go on with the next batch."""

    async def go_on(self: Consumer, client: Any, raw: Sequence[Raw], _why: str) -> None:
        await self._commit(client, last_offsets(raw))

    patch.setattr(Consumer, "_rewind", go_on)


def acknowledged_unasked(patch: Patch, _: Engines) -> None:
    """Forget outbox rows without looking at Kafka's answers."""

    async def settle(self: relay.Relay, connection: AsyncConnection, sent: Sequence[tuple[int, Any]]) -> None:
        await outbox.acknowledge(connection, self._schema, [position for position, _ in sent])

    patch.setattr(relay.Relay, "_settle", settle)


def orphans_at_once(patch: Patch, _: Engines) -> None:
    """Drop what comes before its booking instead of parking it."""

    async def drop(*_: Any) -> None:
        return None

    patch.setattr(parking, "park", drop)


MUTANTS: Mapping[str, Mutant] = {
    "offset before commit": Mutant(offset_before_commit, ("one_outcome",)),
    "no inbox check": Mutant(no_inbox_check, ("one_outcome_at_most",)),
    "inbox in another transaction": Mutant(inbox_in_another_transaction, ("one_outcome",)),
    "relay by id > last": Mutant(relay_by_last_id, ("first_occurrences_in_order", "all_published", "one_outcome")),
    "no version check on expire": Mutant(no_version_check_on_expire, ("nothing_early",)),
    "two relays": Mutant(two_relays, ("one_voice",)),
    "ledger key without channel": Mutant(ledger_key_without_channel, ("everybody_told",)),
    "a group reset that sends again": Mutant(group_reset_that_sends_again, ("one_letter", "one_voice")),
    "all positions committed": Mutant(all_positions_committed, ("one_outcome",)),
    "unawaited dead letter": Mutant(unawaited_dead_letter, ("one_outcome",)),
    "host clock in expiry": Mutant(host_clock_in_expiry, ("nothing_early",)),
    "swallowed error": Mutant(swallowed_error, ("one_outcome",)),
    "acknowledged without asking": Mutant(acknowledged_unasked, ("first_occurrences_in_order", "all_published", "one_outcome")),
    "dropped instead of parked": Mutant(orphans_at_once, ("one_outcome",)),
}
