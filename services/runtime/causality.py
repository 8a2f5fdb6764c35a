"""Lets consumer groups and loops wait for another group: what was published on that one's topics before is settled before."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.consumer import Consumer
from services.runtime.loops import ConnectedStep, pause

PATIENCE_SECONDS = 20.0
LOOK_EVERY = 0.02


@dataclass
class CatchUp:
    """Call it to wait until the group of `consumer`, in whichever process, has settled all that its topics hold at this moment."""

    consumer: Consumer
    settled: dict[TopicPartition, int] = field(default_factory=dict)

    async def __call__(self, patience: float = PATIENCE_SECONDS) -> None:
        """Return once that is so; a batch that waited in vain is to be read again.

        Raises KafkaError, and TimeoutError after `patience` seconds of the host or when the process stops.
        """
        async with asyncio.timeout(patience):
            while (client := self.consumer.client) is None:
                await self._look_again()
            topics = {topic: client.partitions_for_topic(topic) or () for topic in self.consumer.topics}
            ends = await client.end_offsets([TopicPartition(topic, number) for topic, numbers in topics.items() for number in numbers])
            for partition, end in ends.items():
                while not await self._has_settled(partition, end):
                    await self._look_again()

    async def _has_settled(self, partition: TopicPartition, end: int) -> bool:
        """Ask Kafka only for what is not known to be settled: a group in use never goes back."""
        own = self.consumer.done.get(partition, 0)
        if max(own, self.settled.get(partition, 0)) < end and (client := self.consumer.client):
            self.settled[partition] = await client.committed(partition) or 0
        return max(own, self.settled.get(partition, 0)) >= end

    def before(self, step: ConnectedStep) -> ConnectedStep:
        """Return `step`, which waits each time."""

        async def run_once(connection: AsyncConnection, now: datetime) -> bool:
            await self()
            return await step(connection, now)

        return run_once

    async def _look_again(self) -> None:
        if self.consumer.stopping.is_set():
            message = f"stopped while {self.consumer.worker.group} had still to read what came before"
            raise TimeoutError(message)
        await pause(self.consumer.stopping, LOOK_EVERY)


@dataclass
class CaughtUp:
    """Waits once, at the start of a process: what is published later is for those who wait to notice."""

    catch_up: CatchUp
    done: bool = False

    async def __call__(self) -> None:
        """Return once all that was published at the first call is settled. Raises like `CatchUp`."""
        if not self.done:
            await self.catch_up()
            self.done = True
