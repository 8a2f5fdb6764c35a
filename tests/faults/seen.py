"""Records as they lie in the topics, read with no code of the system."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


@dataclass(frozen=True)
class Seen:
    """One record of a topic; `at` is when its producer sent it, in seconds of the host, `raw` its value as it came."""

    key: str
    headers: dict[str, str]
    data: dict[str, Any]
    place: tuple[str, int, int] = ("", 0, 0)
    at: float = 0.0
    raw: bytes | None = None

    @property
    def name(self) -> str:
        """The bare name of its type, such as `BookingCancelled`."""
        return ([*self.headers.get("ce_type", "").split("."), ""])[1]

    @property
    def cause(self) -> tuple[str, str]:
        """The identity of the message that caused it."""
        return self.headers.get("ce_causationsource", ""), self.headers.get("ce_causationid", "")


async def read_topic(bootstrap: str, topic: str) -> list[Seen]:
    """Return a topic's records from the beginning to its present end, in order for every key."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        seen: list[Seen] = []
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                seen += [_seen(record) for record in records]
        return seen
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(topic) or set()


def _seen(record: Any) -> Seen:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    place = (record.topic, record.partition, record.offset)
    return Seen((record.key or b"").decode(), headers, _data(record.value), place, record.timestamp / 1000, record.value)


def _data(value: bytes | None) -> dict[str, Any]:
    """Return what a record carries; nothing where it is no JSON, which some are sent on purpose."""
    try:
        data: dict[str, Any] = json.loads(value or b"{}")
    except ValueError:
        return {}
    return data


def first_occurrences(events: Iterable[Seen]) -> list[Seen]:
    """Return events without their repetitions, by id."""
    kept: dict[str, Seen] = {}
    for event in events:
        kept.setdefault(event.headers["ce_id"], event)
    return list(kept.values())
