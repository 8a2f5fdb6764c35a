"""Records with header names that are no text, as clients of Apache Kafka in other languages can write them and ours cannot."""

from collections.abc import Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from services.runtime.outcomes import Record


class Name(str):
    """A header name that is sent as these bytes; as text it is what it should be read as."""

    __slots__ = ("raw",)
    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        """Return the name."""
        name = super().__new__(cls, raw.decode("utf-8", "backslashreplace"))
        name.raw = raw
        return name

    def encode(self, *_: Any) -> bytes:
        """Return the bytes."""
        return self.raw


def batch_of(records: Sequence[Record], compression: int = 0) -> bytes:
    """A batch as it stands in Kafka."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
    for offset, r in enumerate(records):
        builder.append(offset, 1_790_000_000_000 + offset, r.key, r.value, list(r.headers))
    return bytes(builder.build())


async def send_as_they_are(kafka: str, records: Sequence[Record]) -> None:
    """Publish to the first partition of the first record's topic, in one batch, with whatever names."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    batch = producer.create_batch()
    for r in records:
        batch.append(timestamp=None, key=r.key, value=r.value)
    batch.close()
    batch._buffer = batch_of(records)
    await (await producer.send_batch(batch, records[0].topic, partition=0))
    await producer.stop()
