"""A composed payments service whose consumers a test moves by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from contracts.message import Message
from contracts.payments import Payment, PaymentCaptured, RefundRequested, RefundSettled
from contracts.topics import POLICY_EVENTS
from contracts.values import Contract
from contracts.wire import Sources, decode
from services.payments import app, store
from services.payments.settings import PaymentsSettings
from services.runtime.process import Process
from services.runtime.worker import Worker, nothing_to_prepare
from tests.builders import record

Told = tuple[type[Payment], Decimal]


@dataclass
class Payments:
    """The service as it is composed, without Kafka: policies count as read, and this month's partitions are there."""

    process: Process

    def worker(self, group: str) -> Worker:
        found = next(c.worker for c in self.process._consumers if c.worker.group == group)
        return replace(found, prepare=nothing_to_prepare)

    async def hears(self, *messages: Message[Contract]) -> None:
        group = "policies" if messages[0].topic == POLICY_EVENTS.name else "events"
        await self.worker(f"payments.{group}").apply([record(message) for message in messages])

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.process.engine.begin() as connection:
            result = await connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def published(self) -> list[Message[Contract]]:
        """What waits for the relay, decoded as its readers will."""
        async with self.process.engine.connect() as connection:
            rows = await store.waiting(connection, 100)
        messages = [decode(r.topic, r.key, r.headers, r.value, sources=Sources(), host_now=datetime.now(UTC)) for r in rows]
        return [message for message in messages if isinstance(message, Message)]

    async def told(self) -> list[Told]:
        """Kinds and amounts of what was published, in order."""
        datas = [message.data for message in await self.published()]
        return [(type(data), data.amount) for data in datas if isinstance(data, PaymentCaptured | RefundRequested | RefundSettled)]

    async def forgets_what_it_said(self) -> None:
        """Let the relay have sent everything."""
        await self.query("delete from payments.outbox")


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Payments]:
    """Compose a payments service and make it ready to hear."""
    payments = Payments(app.build(PaymentsSettings(database_url=database_url, kafka="127.0.0.1:1")))
    for step in payments.process.starting:
        await step()
    yield payments
    await payments.process.producer.stop()
    await payments.process.engine.dispose()
