"""Records sent as fast as Apache Kafka takes them: whole batches to each partition, all replicas acknowledge."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

Record = tuple[bytes, bytes]
Sent = Sequence["asyncio.Future[object]"]
BATCH_BYTES = 512 * 1024


class Topic:
    """A topic and its producer; a record's key is a number, which chooses the partition."""

    def __init__(self, producer: AIOKafkaProducer, name: str, partitions: int) -> None:
        """Send to `name` through a started producer."""
        self._producer, self._name, self._partitions = producer, name, partitions

    async def send(self, records: Iterable[Record]) -> Sent:
        """Hand over records without waiting for the answers."""
        batches = [self._producer.create_batch() for _ in range(self._partitions)]
        for key, value in records:
            if batches[int(key) % self._partitions].append(key=key, value=value, timestamp=None) is None:
                message = "a batch is full: it takes fewer records than one chunk has"
                raise BufferError(message)
        filled = [(partition, batch) for partition, batch in enumerate(batches) if batch.record_count()]
        return [await self._producer.send_batch(batch, self._name, partition=partition) for partition, batch in filled]


@asynccontextmanager
async def opened(bootstrap: str, name: str) -> AsyncIterator[Topic]:
    """Yield the topic `name`, which exists."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_batch_size=BATCH_BYTES, max_request_size=4 * BATCH_BYTES
    )
    await producer.start()
    try:
        yield Topic(producer, name, len(await producer.partitions_for(name)))
    finally:
        await producer.stop()
