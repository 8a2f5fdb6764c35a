"""The composed payments service on a real broker: two processes, events that occur again, and policies read before fees are decided."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Message
from contracts.topics import PAYMENT_EVENTS
from contracts.values import Contract
from services.payments.app import build
from services.payments.settings import PaymentsSettings
from services.runtime.kafka import open_producer
from services.runtime.process import Process
from tests.eventually import aeventually
from tests.integration.kafka_tap import tapped
from tests.money import Story, policy
from tests.servers import free_ports


@pytest.fixture
def settings(environment: dict[str, str]) -> PaymentsSettings:
    return PaymentsSettings(database_url=environment["DATABASE_URL"], kafka=environment["KAFKA_BOOTSTRAP_SERVERS"], port=free_ports(1)[0])


@asynccontextmanager
async def running(settings: PaymentsSettings, slot: int = 0) -> AsyncIterator[Process]:
    """A payments process, started and at last drained."""
    process = build(settings.model_copy(update={"slot": slot}))
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        process.stopping.set()
        await task


async def ready(*processes: Process) -> None:
    async def all_ready() -> bool:
        return not any(process.health.stale() for process in processes)

    await aeventually(all_ready, within=30)


@asynccontextmanager
async def policies_held(process: Process) -> AsyncIterator[AsyncConnection]:
    """No policy can be written meanwhile; all can be read."""
    async with process.engine.begin() as connection:
        await connection.execute(text("lock table payments.policies in share row exclusive mode"))
        yield connection


async def is_any(connection: AsyncConnection, rows: str) -> bool:
    return bool(await connection.scalar(text(f"select exists (select from {rows})")))


async def publish(kafka: str, messages: list[Message[Contract]]) -> None:
    producer = open_producer(kafka, "story")
    await producer.start()
    for message in messages:
        await producer.send_and_wait(message.topic, message.value(), message.key(), headers=message.headers())
    await producer.stop()


def stories(number: int) -> list[Message[Contract]]:
    """Bookings that were paid and then cancelled too late, each by its customer."""
    told = [(s.created(), s.paid(), s.cancelled()) for s in (Story() for _ in range(number))]
    return [event for events in told for event in events]


async def test_a_fee_waits_for_the_policies_that_are_published(settings: PaymentsSettings) -> None:
    async with tapped(settings.kafka, PAYMENT_EVENTS.name) as tap, running(settings) as process:
        async with policies_held(process) as connection:
            await publish(settings.kafka, [policy(1, 10)])
            await aeventually(partial(is_any, connection, "pg_locks where not granted"), within=30)
            await publish(settings.kafka, stories(1))
            with pytest.raises(AssertionError, match="not within"):
                await aeventually(partial(is_any, connection, "payments.accounts where status = 'cancelled'"), within=1.5)
        request, _ = await tap.read(2)
    assert json.loads(request.value)["fee"] == "150.00"


async def test_two_processes_refund_each_booking_once_though_its_events_occur_again(settings: PaymentsSettings) -> None:
    events, more = stories(20), stories(20)
    async with tapped(settings.kafka, PAYMENT_EVENTS.name) as tap, running(settings) as one, running(settings, slot=1) as two:
        await ready(one, two)
        await publish(settings.kafka, events)
        await tap.read(40)
        await publish(settings.kafka, [*events, *more])
        records = await tap.read(80)
    assert len(records) == len({dict(r.headers)["ce_id"] for r in records}) == 80
