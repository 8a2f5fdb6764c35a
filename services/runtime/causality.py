"""Lets one consumer group wait for another: what was published on that one's topics before is settled before."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.consumer import Consumer
from services.runtime.loops import pause

PATIENCE_SECONDS = 20.0
LOOK_EVERY = 0.02


async def catch_up(consumer: Consumer, patience: float = PATIENCE_SECONDS) -> None:
    """Return once `consumer`'s group, in whichever process, has settled all that its topics hold at this moment.

    Raises TimeoutError after `patience` seconds of the host or when the process stops: the batch that waits is to be read again.
    """
    async with asyncio.timeout(patience):
        while (client := consumer.client) is None:
            await _look_again(consumer)
        topics = {topic: client.partitions_for_topic(topic) or () for topic in consumer.topics}
        ends = await client.end_offsets([TopicPartition(topic, number) for topic, numbers in topics.items() for number in numbers])
        for partition, end in ends.items():
            while await _settled(consumer, client, partition) < end:
                await _look_again(consumer)


async def _settled(consumer: Consumer, client: AIOKafkaConsumer, partition: TopicPartition) -> int:
    if partition in client.assignment():
        return await consumer.committed(client, partition) or 0
    return await client.committed(partition) or 0


async def _look_again(consumer: Consumer) -> None:
    if consumer.stopping.is_set():
        message = f"stopped while {consumer.worker.group} had still to read what came before"
        raise TimeoutError(message)
    await pause(consumer.stopping, LOOK_EVERY)
