"""The life of a batch: read, settle in one transaction, bury what nobody can act on, count.

The caller commits offsets after `apply` returns, and rewinds when it raises.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.message import Message, type_of
from contracts.topics import BOOKING_COMMANDS, TOPICS
from contracts.wire import Sources, Unreadable, decode
from services.runtime.clock import Clock, host_now
from services.runtime.db import transaction
from services.runtime.deadletters import dead_letter
from services.runtime.errors import brief
from services.runtime.faults import Fault, fault
from services.runtime.metrics import COMMANDS, DEAD_LETTERS
from services.runtime.outbox import Outgoing
from services.runtime.outcomes import Burial, Fate, Handler, Outcome, Received, Record, fate_of

log = structlog.get_logger()
ATTEMPTS = 3
NAMES = {topic.name: {type_of(contract): contract.__name__ for contract in topic.carries} for topic in TOPICS}
Prepare = Callable[[Sequence[Received]], Awaitable[None]]
Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


async def nothing_to_prepare(_batch: Sequence[Received]) -> None:
    """Prepare nothing."""


@dataclass
class Worker:
    """Settles the records of one consumer group."""

    group: str
    engine: AsyncEngine
    clock: Clock
    sources: Sources
    handle: Handler
    publish: Publish
    prepare: Prepare = field(default=nothing_to_prepare)

    async def apply(self, records: Sequence[Record]) -> None:
        """Give each record its fate. Raises on a transient failure, with nothing lost: apply the same records again."""
        readings = [self.read(record) for record in records]
        understood = [r for r in readings if isinstance(r, Received)]
        settled = iter(await self.settle(understood))
        fates = [(reading if isinstance(reading, Burial) else next(settled)) for reading in readings]
        await self.bury(records, fates)
        self.count(readings, records, fates)

    def read(self, record: Record) -> Received | Burial:
        """Decode and validate one record."""
        try:
            message = decode(record.topic, record.key, record.headers, record.value, sources=self.sources, host_now=host_now())
        except Unreadable as problem:
            return Burial(problem.reason, problem.error)
        return Received(record, message)

    async def settle(self, batch: Sequence[Received]) -> list[Outcome]:
        """Return the outcome of each message of `batch`, all committed; a message that our code fails on is isolated by halving."""
        if not batch:
            return []
        await self.prepare(batch)
        failure = ""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._transact(batch)
            except Exception as error:
                kind = fault(error)
                if kind is Fault.TRANSIENT or (kind is Fault.CONFLICT and attempt == ATTEMPTS):
                    raise
                log.warning(
                    "batch_failed",
                    group=self.group,
                    size=len(batch),
                    attempt=attempt,
                    fault=kind.value,
                    error=brief(error),
                )
                if kind is not Fault.CONFLICT and len(batch) > 1:
                    half = len(batch) // 2
                    return [*await self.settle(batch[:half]), *await self.settle(batch[half:])]
                failure = brief(error)
        return [Burial("poison", failure, ATTEMPTS)]

    async def _transact(self, batch: Sequence[Received]) -> list[Outcome]:
        """The one place where a batch's transaction is opened and committed."""
        async with transaction(self.engine) as connection:
            return list(await self.handle(connection, batch, self.clock.now()))

    async def bury(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Publish dead letters, after the commit and before the offsets, and wait for Kafka to have them."""
        letters = [dead_letter(record, o, self.group) for record, o in zip(records, outcomes, strict=True) if isinstance(o, Burial)]
        if letters:
            await self.publish(letters)

    def count(self, readings: Sequence[Received | Burial], records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Count and log every fate once it is certain, under the same names."""
        commands, in_detail = Counter[tuple[str, Fate]](), log.is_enabled_for(logging.DEBUG)
        for reading, record, outcome in zip(readings, records, outcomes, strict=True):
            if record.topic == BOOKING_COMMANDS.name:
                commands[bare_name(record), fate_of(outcome)] += 1
            if isinstance(outcome, Burial):
                DEAD_LETTERS.labels(record.topic, outcome.reason).inc()
                log.warning("settled", **_about(reading, record, outcome), reason=outcome.reason, error=outcome.error)
            elif in_detail:
                log.debug("settled", **_about(reading, record, outcome))
        for labels, number in commands.items():
            COMMANDS.labels(*labels).inc(number)


def bare_name(record: Record) -> str:
    """Return what the record says it is, such as `CreateBooking`; `unknown` if its topic carries nothing of that type."""
    said = next((value for name, value in record.headers if name == "ce_type"), None)
    return NAMES[record.topic].get((said or b"").decode(errors="replace"), "unknown")


def _about(reading: Received | Burial, record: Record, outcome: Outcome) -> dict[str, object]:
    """Return what a log line says of a record and, where it was understood, what ties it to the messages around it."""
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    about = {"fate": fate_of(outcome), "type": bare_name(record), **place}
    if isinstance(reading, Burial) or not isinstance(reading.message, Message):
        return about
    message = reading.message
    return {**about, "message": message.id, "subject": message.subject, "correlation_id": message.correlation_id}
