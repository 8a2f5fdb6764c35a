"""Lag, and readiness from progress: a consumer is well when it has nothing to read or its offsets move."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from services.runtime.consumer import Consumer
from services.runtime.errors import ClientStuck
from services.runtime.health import Health
from services.runtime.metrics import CONSUMER_LAG


@dataclass
class Progress:
    """Watches one consumer; `answers` says whether a new client reaches Apache Kafka."""

    consumer: Consumer
    health: Health
    answers: Callable[[], Awaitable[bool]]

    async def run_once(self, _now: datetime) -> bool:
        """Measure the lag of the partitions this process reads, per topic. Raises KafkaError, and ClientStuck."""
        client, group = self.consumer.client, self.consumer.worker.group
        partitions = set(client.assignment()) if client else set()
        for moved in self.consumer.done.keys() - partitions:
            del self.consumer.done[moved]
        lag = dict.fromkeys(self.consumer.topics, 0)
        if client is not None and partitions:
            for partition, end in (await self._ends(client, list(partitions))).items():
                lag[partition.topic] += max(0, end - await self._done(client, partition))
            if not any(lag.values()):
                self.health.beat(group)
        for topic, records in lag.items():
            CONSUMER_LAG.labels(topic, group).set(records)
        return False

    async def _ends(self, client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask where `partitions` end. A client may lose its way for good when a broker goes down; only a new one finds it again."""
        try:
            ends: dict[TopicPartition, int] = await client.end_offsets(partitions)
        except KafkaTimeoutError as error:
            if not await self.answers():
                raise
            message = f"the client of {self.consumer.worker.group} gets no answer from Apache Kafka, which answers others"
            raise ClientStuck(message) from error
        return ends

    async def _done(self, client: AIOKafkaConsumer, partition: TopicPartition) -> int:
        """Return how far `partition` is done; before the first commit that is where it begins, which retention moves."""
        done = await self.consumer.committed(client, partition)
        return (await client.beginning_offsets([partition]))[partition] if done is None else done
