"""Apache Kafka for the length of one verb: connected within seconds or not at all, and closed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.cli.output import described
from services.runtime.errors import Halt
from services.runtime.headernames import read_any_header_name
from services.runtime.kafka import open_producer, stop_quickly

CONNECT_SECONDS = 5.0


@asynccontextmanager
async def administering(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield an admin client. Raises Halt when nobody answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    async with _connected(bootstrap, admin.start, admin.close):
        yield admin


@asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer that belongs to no group and commits nothing. Raises Halt when nobody answers."""
    read_any_header_name()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed"
    )
    async with _connected(bootstrap, consumer.start, consumer.stop):
        yield consumer


async def partitions_of(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[TopicPartition]:
    """Return the partitions of `topics`; a topic that is not there has none. Raises KafkaError."""
    names = sorted(topics)
    described = await admin.describe_topics(names) if names else []
    return [TopicPartition(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]]


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """Yield an idempotent producer. Raises Halt when nobody answers."""
    producer = open_producer(bootstrap, "sewa-publish")
    async with _connected(bootstrap, producer.start, producer.stop):
        yield producer


@asynccontextmanager
async def _connected(bootstrap: str, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    try:
        await _within_seconds(bootstrap, start)
        yield
    finally:
        await stop_quickly(stop)


async def _within_seconds(bootstrap: str, start: Callable[[], Awaitable[None]]) -> None:
    try:
        await asyncio.wait_for(start(), CONNECT_SECONDS)
    except (KafkaError, OSError, TimeoutError) as error:
        why = "" if isinstance(error, KafkaConnectionError | TimeoutError) else f": {described(error)}"
        message = f"Apache Kafka at {bootstrap} does not answer{why}"
        raise Halt(message) from error
