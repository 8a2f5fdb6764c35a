"""A topic, read from its beginning to where it ends when reading begins."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.cli.clients import administering, partitions_of, reading
from services.runtime.errors import Halt

POLL_MS = 1000
SILENT_POLLS = 20


async def records(
    bootstrap: str, topic: str, total: Callable[[int], object] = lambda _: None
) -> AsyncGenerator[ConsumerRecord[bytes, bytes]]:
    """Yield every record that there is now, those of each partition in order; `total` is told first how many at most.

    Raises Halt, KafkaError.
    """
    async with administering(bootstrap) as admin, reading(bootstrap) as consumer:
        partitions = await partitions_of(admin, [topic])
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        total(sum(end - begins[partition] for partition, end in ends.items()))
        async for record in _before(consumer, ends, topic):
            yield record


async def _before(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], topic: str
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """Yield what stands before `ends`."""
    consumer.assign(list(ends))
    silent = 0
    while behind := [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
        batches = await consumer.getmany(*behind, timeout_ms=POLL_MS)
        for record in (record for records in batches.values() for record in records if record.offset < ends[_place(record)]):
            yield record
        silent = 0 if batches else silent + 1
        if silent == SILENT_POLLS:
            message = f"Apache Kafka does not answer any more: {topic} could not be read to its end"
            raise Halt(message)


def _place(record: ConsumerRecord[bytes, bytes]) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)
