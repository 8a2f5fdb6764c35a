"""Publishes a service's outbox, one process at a time, in order for every key."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.errors import brief
from services.runtime.kafka import SEND_SECONDS
from services.runtime.metrics import OUTBOX_HELD
from services.runtime.outbox import Outgoing, acknowledge

log = structlog.get_logger()
Waiting = Callable[[AsyncConnection, int], Awaitable[Sequence[Outgoing]]]


class Relay:
    """One round: read the oldest rows, send them, check every answer, forget what Kafka has."""

    def __init__(self, schema: str, producer: AIOKafkaProducer, waiting: Waiting, batch: int = 500) -> None:
        """Publish what `waiting` finds in `schema`."""
        self._schema, self._producer, self._waiting, self._batch = schema, producer, waiting, batch
        self._complained: set[int] = set()

    async def run_once(self, connection: AsyncConnection, _now: datetime) -> bool:
        """Publish one batch; True when there may be more. Raises KafkaError, TimeoutError with the rest still queued."""
        rows = await self._waiting(connection, self._batch)
        sent, held = await self._send(rows)
        OUTBOX_HELD.set(held)
        failure = await self._settle(connection, sent)
        if failure is not None:
            raise failure
        return len(rows) == self._batch and bool(sent)

    async def _send(self, rows: Sequence[Outgoing]) -> tuple[list[tuple[int, asyncio.Future[object]]], int]:
        """Hand rows to the producer; a row it refuses holds the later ones of its key."""
        sent: list[tuple[int, asyncio.Future[object]]] = []
        held: set[bytes | None] = set()
        async with asyncio.timeout(SEND_SECONDS):
            for row in rows:
                if row.key in held:
                    continue
                try:
                    sent.append((row.position, await self._producer.send(row.topic, row.value, row.key, headers=list(row.headers))))
                except MessageSizeTooLargeError as error:
                    held.add(row.key)
                    self._complain(row, error)
        return sent, len(held)

    def _complain(self, row: Outgoing, error: Exception) -> None:
        """Log a row that cannot be sent, once; the gauge goes on telling."""
        if row.position not in self._complained:
            self._complained.add(row.position)
            log.warning("outbox_row_cannot_be_sent", schema=self._schema, position=row.position, topic=row.topic, error=brief(error))

    async def _settle(self, connection: AsyncConnection, sent: Sequence[tuple[int, asyncio.Future[object]]]) -> BaseException | None:
        """Wait for every answer and forget the rows that arrived; return the first failure."""
        futures = [future for _, future in sent]
        if futures:
            await asyncio.wait(futures, timeout=SEND_SECONDS)
        done = [position for position, future in sent if future.done() and not future.cancelled() and future.exception() is None]
        if done:
            await acknowledge(connection, self._schema, done)
        if len(done) == len(sent):
            return None
        return next(
            (e for f in futures if f.done() and not f.cancelled() and (e := f.exception())), KafkaError("no acknowledgement in time")
        )
