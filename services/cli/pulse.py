"""How fast the system works and what it did last, read from its topics: exact, and the same whoever looks."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import chain

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import BOOKING_EVENTS, NOTIFICATION_RECEIPTS
from contracts.values import parse_instant
from services.cli.clients import administering, partitions_of, reading

SHOWN = 10
POLLS = 10
POLL_MS = 500
BOOKING_GROUP = "booking.commands"


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second: commands that booking has settled, events that were published, letters that have their receipt; None is unknown."""

    commands: float | None = None
    events: float | None = None
    letters: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What `Rates` are the pace of, counted since the topics began; `at` is on the steady clock."""

    at: float
    commands: int
    events: int
    letters: int

    def since(self, before: "Counts | None") -> Rates:
        """Return the pace between two counts; unknown without another, and for a topic that was made anew meanwhile."""
        if before is None or self.at <= before.at:
            return Rates()
        grown = {field.name: getattr(self, field.name) - getattr(before, field.name) for field in fields(Rates)}
        return Rates(**{name: number / (self.at - before.at) if number >= 0 else None for name, number in grown.items()})


@dataclass(frozen=True, slots=True)
class Recent:
    """An event on its topic: what happened to which booking, at which business instant."""

    at: datetime
    version: int
    type: str
    booking: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """One look: what was counted, and the newest events, the newest first."""

    counts: Counts
    recent: tuple[Recent, ...]


async def feel_pulse(bootstrap: str) -> Pulse:
    """Look at the topics. Raises Halt, KafkaError."""
    async with administering(bootstrap) as admin, reading(bootstrap) as consumer:
        events = await consumer.end_offsets(await partitions_of(admin, [BOOKING_EVENTS.name]))
        letters = await consumer.end_offsets(await partitions_of(admin, [NOTIFICATION_RECEIPTS.name]))
        counts = Counts(time.monotonic(), await _settled(admin), sum(events.values()), sum(letters.values()))
        return Pulse(counts, newest(await _tail(consumer, events)))


async def _settled(admin: AIOKafkaAdminClient) -> int:
    """Return how far booking has read; a broker without any group has nobody yet who could tell."""
    if BOOKING_GROUP not in {group for group, _ in await admin.list_consumer_groups()}:
        return 0
    committed = await admin.list_consumer_group_offsets(BOOKING_GROUP)
    return sum(known.offset for known in committed.values() if known.offset > 0)


async def _tail(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the last records of each partition."""
    filled = [place for place, end in ends.items() if end]
    consumer.assign(filled)
    for place in filled:
        consumer.seek(place, max(0, ends[place] - SHOWN))
    records: list[ConsumerRecord[bytes, bytes]] = []
    for _ in range(POLLS):
        behind = [place for place in filled if await consumer.position(place) < ends[place]]
        if not behind:
            break
        records += chain.from_iterable((await consumer.getmany(*behind, timeout_ms=POLL_MS)).values())
    return records


def newest(records: Iterable[ConsumerRecord[bytes, bytes]]) -> tuple[Recent, ...]:
    """Return the newest events of `records`, each once; what is no event of ours is passed over."""
    events = {event for record in records if (event := _event(record))}
    return tuple(sorted(events, key=lambda event: (event.at, event.version, event.booking), reverse=True)[:SHOWN])


def _event(record: ConsumerRecord[bytes, bytes]) -> Recent | None:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    try:
        return Recent(
            parse_instant(headers["ce_time"]),
            int(headers["ce_aggregateversion"]),
            headers["ce_type"].split(".")[1],
            headers["ce_subject"],
        )
    except (KeyError, ValueError, IndexError):
        return None
