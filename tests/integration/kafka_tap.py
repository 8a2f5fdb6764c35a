"""What arrives on topics from now on, read by a client that belongs to no group."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer

from tests.eventually import aeventually


@dataclass
class Tap:
    """Records in the order of their partitions, as they came."""

    consumer: AIOKafkaConsumer
    seen: list[Any] = field(default_factory=list)

    async def read(self, number: int, within: float = 20.0, **wanted: Any) -> list[Any]:
        """The records so far, once there are `number` of them (with `key=`: under this key, with `topic=`: there)."""

        async def enough() -> bool:
            for records in (await self.consumer.getmany(timeout_ms=50)).values():
                self.seen += records
            return len(self.having(**wanted)) >= number

        await aeventually(enough, within)
        return self.having(**wanted)

    def having(self, **wanted: Any) -> list[Any]:
        """What was read and has these attributes."""
        return [record for record in self.seen if all(getattr(record, name) == value for name, value in wanted.items())]

    def versions(self) -> dict[bytes, list[int]]:
        """The versions of each booking's events, in order of arrival."""
        versions: dict[bytes, list[int]] = defaultdict(list)
        for record in self.seen:
            versions[record.key].append(int(dict(record.headers)["ce_aggregateversion"]))
        return dict(versions)


@asynccontextmanager
async def tapped(kafka: str, *topics: str) -> AsyncIterator[Tap]:
    """Read `topics` from their present end."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, group_id=None, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)
        yield Tap(consumer)
    finally:
        await consumer.stop()
