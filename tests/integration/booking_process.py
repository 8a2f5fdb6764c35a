"""The composed booking service in this process, on a real broker and database."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from contracts.message import Message
from contracts.topics import BOOKING_COMMANDS
from contracts.values import Contract
from services.booking.app import build
from services.booking.handlers import GROUP
from services.booking.settings import BookingSettings
from services.runtime.outcomes import Record
from services.runtime.process import Process
from tests.builders import record
from tests.eventually import aeventually

COMMANDS = BOOKING_COMMANDS.name
FIRST = TopicPartition(COMMANDS, 0)


def settings_of(environment: Mapping[str, str], **changes: object) -> BookingSettings:
    """The settings that a process reads from `environment`."""
    names = {"DATABASE_URL": "database_url", "KAFKA_BOOTSTRAP_SERVERS": "kafka", "SEWA_BOOKING_PORT": "port"}
    return BookingSettings.model_validate({**{field: environment[name] for name, field in names.items()}, "env": "test", **changes})


@asynccontextmanager
async def running(settings: BookingSettings) -> AsyncIterator[Process]:
    """The service until the block ends; then it is drained."""
    process = build(settings)
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        process.stopping.set()
        await task


async def is_ready(process: Process) -> bool:
    return not process.health.stale()


async def send(producer: AIOKafkaProducer, *messages: Message[Contract] | Record) -> None:
    """Publish to the first partition of its topic, in order: a message, or a record as it is."""
    for message in messages:
        r = record(message) if isinstance(message, Message) else message
        await producer.send(r.topic, r.value, r.key, partition=0, headers=list(r.headers))
    await producer.flush()


async def committed(kafka: str) -> int:
    """How far the group has come in the first partition; 0 before its first commit."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=GROUP, enable_auto_commit=False)
    consumer.assign([FIRST])
    await consumer.start()
    try:
        return await consumer.committed(FIRST) or 0
    finally:
        await consumer.stop()


async def comes_to(kafka: str, offset: int, within: float = 30.0) -> None:
    """Wait until the group has come to `offset`."""

    async def reached() -> bool:
        return await committed(kafka) == offset

    await aeventually(reached, within)
