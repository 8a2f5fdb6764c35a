"""Lag, and readiness from progress: a consumer is well when it has nothing to read or its offsets move."""

from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.consumer import Consumer
from services.runtime.health import Health
from services.runtime.metrics import CONSUMER_LAG


@dataclass
class Progress:
    """Watches one consumer."""

    consumer: Consumer
    health: Health

    async def run_once(self, _now: datetime) -> bool:
        """Measure the lag of the partitions this process reads, per topic. Raises KafkaError."""
        client, group = self.consumer.client, self.consumer.worker.group
        partitions = set(client.assignment()) if client else set()
        for moved in self.consumer.done.keys() - partitions:
            del self.consumer.done[moved]
        if client is None or not partitions:
            return False
        ends = await client.end_offsets(list(partitions))
        lag = dict.fromkeys(self.consumer.topics, 0)
        for partition, end in ends.items():
            lag[partition.topic] += max(0, end - await self._done(client, partition))
        for topic, records in lag.items():
            CONSUMER_LAG.labels(topic, group).set(records)
        if not any(lag.values()):
            self.health.beat(group)
        return False

    async def _done(self, client: AIOKafkaConsumer, partition: TopicPartition) -> int:
        """Return how far `partition` is done; before the first commit that is where it begins, which retention moves."""
        done = await self.consumer.committed(client, partition)
        return (await client.beginning_offsets([partition]))[partition] if done is None else done


@dataclass
class Reading:
    """How far a whole group has come, in whichever processes it runs, seen from one of them."""

    consumer: Consumer
    settled: dict[TopicPartition, int] = field(default_factory=dict)

    async def is_complete(self) -> bool:
        """Return whether the group has settled all that its topics hold at this moment. Raises KafkaError."""
        client = self.consumer.client
        if client is None:
            return False
        partitions = [TopicPartition(topic, n) for topic in self.consumer.topics for n in client.partitions_for_topic(topic) or ()]
        for partition, end in (await client.end_offsets(partitions)).items():
            if self.settled.get(partition, 0) < end:
                self.settled[partition] = await client.committed(partition) or 0
            if self.settled.get(partition, 0) < end:
                return False
        return bool(partitions)
