"""Ways to lose, double or reorder messages, each at the place where a hurried change would."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaError
from faststream.kafka import KafkaMessage
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Message
from services.booking import store as booking_store
from services.runtime import inbox, outbox, relay, worker
from services.runtime.consumer import Consumer, Raw, last_offsets
from services.runtime.db import Lock
from services.runtime.faults import Fault, fault
from services.runtime.inbox import Claims
from services.runtime.outbox import Outgoing
from services.runtime.process import Process
from tests.simulation.world import Engines

Patch = pytest.MonkeyPatch
apply, claim, waiting, publish_once = Consumer.on_batch, inbox.claim, booking_store.waiting, Process.publish


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


def two_relays(patch: Patch, engines: Engines) -> None:
    """Let every process publish."""

    async def take(self: Lock) -> AsyncConnection | None:
        if self._connection is None:
            self._connection = await (await engines.direct.connect()).execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    patch.setattr(Lock, "take", take)


def all_positions_committed(patch: Patch, _: Engines) -> None:
    """Commit wherever the client stands, also in partitions whose batch is not settled."""

    async def commit_all(_self: Consumer, client: Any, _lasts: Any) -> None:
        with suppress(KafkaError, IllegalStateError):
            await client.commit()

    patch.setattr(Consumer, "_commit", commit_all)


def unawaited_dead_letter(patch: Patch, _: Engines) -> None:
    """Send dead letters and look away."""

    async def publish(self: Process, records: Sequence[Outgoing]) -> None:
        for r in records:
            await self.producer.send(r.topic, r.value, r.key, headers=list(r.headers))

    patch.setattr(Process, "publish", publish)


def buried_twice(patch: Patch, _: Engines) -> None:
    """Send every dead letter once more, to be sure."""

    async def publish(self: Process, records: Sequence[Outgoing]) -> None:
        await publish_once(self, [*records, *records])

    patch.setattr(Process, "publish", publish)


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


def lost_connection_is_poison(patch: Patch, _: Engines) -> None:
    """Take a connection that broke for a fault of the message."""
    patch.setattr(worker, "ATTEMPTS", 1)
    patch.setattr(worker, "fault", lambda error: Fault.DATA if isinstance(error, DBAPIError) else fault(error))
