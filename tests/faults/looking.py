"""Looks at a stage from outside: whether it is quiet, and what there is to judge."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.faults.examiner import TOPICS, Evidence, read_topic
from tests.faults.load import Ledger
from tests.faults.sink import taken
from tests.faults.upstream import COMMANDS
from tests.faults.verdict import Trial

WAITING = {
    **{
        f"outbox of {schema}": f"select count(*) from {schema}.outbox"
        for schema in ("booking", "directory", "expiry", "notifier", "payments")
    },
    "parked": "select count(*) from booking.parked",
    "letters": "select count(*) from notifier.deliveries where state = 'pending'",
}
SPARE = "select coalesce(sum(attempts - 1), 0) from notifier.deliveries where channel = 'email' and attempts > 1"
ROWS = "select id, status, version from booking.bookings"


@dataclass(frozen=True)
class Place:
    """Where to look."""

    kafka: str
    database: str
    ledger: Path
    letters: Path


def read_ledger(path: Path) -> Ledger:
    """Return what was sent and kept."""
    ledger, booking_of = Ledger(), dict[str, str]()
    for fact in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        match fact:
            case {"command": command, "booking": booking}:
                booking_of[command] = booking
            case {"kept": command}:
                ledger.commands.setdefault(booking_of[command], []).append(command)
            case {"booking": booking, "parties": parties, "lapses": lapses}:
                ledger.parties[booking] = tuple(parties)
                ledger.lapsing |= {booking: ""} if lapses else {}
            case {"unreadable": mark, "reason": reason}:
                ledger.unreadable[mark] = reason
    return ledger


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


async def look(place: Place, metrics: str, calm: tuple[float, float]) -> Trial:
    """Gather everything once."""
    events, rejections, dead, receipts, payments = await asyncio.gather(*(read_topic(place.kafka, topic) for topic in TOPICS))
    rows, spare = await _tables(place.database)
    table = {str(r["id"]): (r["status"], r["version"]) for r in rows}
    evidence = Evidence(events, rejections, dead, receipts, table, [], payments, metrics)
    return Trial(evidence, read_ledger(place.ledger), await read_topic(place.kafka, COMMANDS), taken(place.letters), spare, calm)


async def _tables(database: str) -> tuple[Sequence[Any], int]:
    connection = await asyncpg.connect(database, timeout=10)
    try:
        return await connection.fetch(ROWS), int(await connection.fetchval(SPARE))
    finally:
        await connection.close()
