"""Looks at a stage from outside: whether it is quiet, and what there is to judge."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.faults.clock import Steps
from tests.faults.load import Ledger
from tests.faults.seen import read_topic
from tests.faults.sink import Mail
from tests.faults.tables import read_tables
from tests.faults.trial import Topics, Trial

TOPICS = (
    *("booking.commands.v1", "booking.events.v1", "booking.rejections.v1", "dead-letters.v1"),
    *("notification.receipts.v1", "payment.events.v1"),
)
WAITING = {
    **{
        f"outbox of {schema}": f"select count(*) from {schema}.outbox"
        for schema in ("booking", "directory", "expiry", "notifier", "payments")
    },
    "parked": "select count(*) from booking.parked",
    "letters": "select count(*) from notifier.deliveries where state = 'pending'",
}


@dataclass(frozen=True)
class Place:
    """Where to look."""

    kafka: str
    database: str
    ledger: Callable[[], Ledger]
    mails: Callable[[], list[Mail]]
    clock: Steps


async def waiting(place: Place) -> dict[str, int]:
    """Return what is left to do, by where it waits; nothing when all is quiet. Raises what servers that are away raise."""
    connection = await asyncpg.connect(place.database, timeout=10)
    try:
        counts = {name: int(await connection.fetchval(statement)) for name, statement in WAITING.items()}
    finally:
        await connection.close()
    return {name: n for name, n in {**counts, **await _lags(place.kafka)}.items() if n}


async def _lags(bootstrap: str) -> dict[str, int]:
    """Return how many records each group has yet to read of the topics that it reads."""
    admin, consumer = AIOKafkaAdminClient(bootstrap_servers=bootstrap), AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await consumer.start()
        groups = [group for group, _ in await admin.list_consumer_groups()]
        return {f"lag of {group}": await _lag(admin, consumer, group) for group in groups}
    finally:
        await consumer.stop()
        await admin.close()


async def _lag(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str) -> int:
    committed: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
    described = await admin.describe_topics(sorted({place.topic for place in committed}))
    places = [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]
    ends = await consumer.end_offsets(places)
    return sum(max(0, ends[p] - (max(0, committed[p].offset) if p in committed else 0)) for p in places)


async def look(place: Place, metrics: str, calm: tuple[float, float] = (0.0, 0.0)) -> Trial:
    """Gather everything once."""
    at = time.time()
    topics = Topics(*await asyncio.gather(*(read_topic(place.kafka, topic) for topic in TOPICS)))
    return Trial(place.ledger(), topics, place.mails(), await read_tables(place.database), metrics, calm, place.clock, at)
