"""A FastStream batch subscriber that sees every record and commits offsets only after the worker's transaction."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.runtime.errors import Halt, OffsetsLost, brief
from services.runtime.health import Health
from services.runtime.loops import pause
from services.runtime.outcomes import Record
from services.runtime.retry import Backoff
from services.runtime.worker import Worker

log = structlog.get_logger()
Raw: TypeAlias = ConsumerRecord
BATCH_WAIT_MS = 100


def clean(record: Raw) -> Raw:
    """Return `record` with headers that FastStream's parser survives: it drops records with null or non-UTF-8 ones."""
    return dataclasses.replace(
        record, headers=tuple((name, (value or b"").decode("utf-8", "replace").encode()) for name, value in record.headers)
    )


async def parse_cleaned(records: tuple[Raw, ...], original: Callable[[tuple[Raw, ...]], Awaitable[KafkaMessage]]) -> KafkaMessage:
    """Let FastStream parse cleaned copies of the first and the last record, which name the batch, and keep all as they came."""
    message = await original((clean(records[0]), clean(records[-1])))
    message.raw_message = records
    return message


async def leave_bytes(message: KafkaMessage) -> Any:
    """Decode nothing: our own code reads JSON more strictly."""
    return message.body


@dataclass
class Consumer:
    """Feeds one consumer group's records to a worker. `halt` is told of what must stop the process."""

    topics: tuple[str, ...]
    worker: Worker
    health: Health
    stopping: asyncio.Event
    halt: Callable[[Halt], None]
    failures: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    done: dict[TopicPartition, int] = field(default_factory=dict)
    _subscriber: BatchSubscriber = field(init=False)

    def register(self, broker: KafkaBroker, *, slot: int, batch: int) -> None:
        """Subscribe: static membership by slot, from the earliest record, committed ones only."""
        group = self.worker.group
        self._subscriber = broker.subscriber(
            *self.topics,
            batch=True,
            max_records=batch,
            batch_timeout_ms=BATCH_WAIT_MS,
            fetch_max_wait_ms=BATCH_WAIT_MS,
            group_id=group,
            group_instance_id=f"{group}-{slot}",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            parser=parse_cleaned,
            decoder=leave_bytes,
        )
        self._subscriber(self.on_batch)

    @property
    def client(self) -> AIOKafkaConsumer | None:
        """The group member, while it runs."""
        return self._subscriber.consumer

    async def start(self) -> None:
        """Join the group. Raises KafkaError, and may be called again then."""
        try:
            await self._subscriber.start()
        except Exception:
            await self._subscriber.stop()
            raise

    async def on_batch(self, message: KafkaMessage) -> None:
        """Apply a batch, then commit its offsets; on any failure wait and go back to where it began."""
        raw: Sequence[Raw] = message.raw_message
        client: AIOKafkaConsumer = message.consumer
        try:
            await self._refuse_gap(client, first_offsets(raw))
            await self.worker.apply([as_record(r) for r in raw])
        except Halt as error:
            self.halt(error)
            await self._rewind(client, raw, str(error))
        except asyncio.CancelledError:
            if self.stopping.is_set():
                raise
            await self._rewind(client, raw, "cancelled")
        except Exception as error:  # noqa: BLE001 - nothing is lost: the batch is read again, and readiness tells
            await self._rewind(client, raw, brief(error))
        else:
            await self._commit(client, last_offsets(raw))

    async def committed(self, client: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
        """Return how far `partition` is done: by this process, else what the group committed."""
        if partition not in self.done and (offset := await client.committed(partition)) is not None:
            self.done[partition] = offset
        return self.done.get(partition)

    async def _refuse_gap(self, client: AIOKafkaConsumer, firsts: Mapping[TopicPartition, int]) -> None:
        """Notice a reset in flight: the client goes on from the earliest record when its position is gone."""
        for partition, first in firsts.items():
            stood = await self.committed(client, partition)
            if stood is not None and stood < first and (start := (await client.beginning_offsets([partition]))[partition]) > stood:
                error = (
                    f"{self.worker.group} stood at {partition.topic}[{partition.partition}]@{stood}, which now begins at {start}: "
                    "records were removed unread; recover them from the event log, or move the group on with Kafka's own tools"
                )
                raise OffsetsLost(error)

    async def _rewind(self, client: AIOKafkaConsumer, raw: Sequence[Raw], why: str) -> None:
        self.failures += 1
        log.warning("batch_waits", group=self.worker.group, attempt=self.failures, records=len(raw), error=why)
        await pause(self.stopping, self.backoff.delay(self.failures))
        for partition, offset in first_offsets(raw).items():
            try:
                client.seek(partition, offset)
            except IllegalStateError:
                log.info("partition_moved_on", group=self.worker.group, partition=partition.partition)

    async def _commit(self, client: AIOKafkaConsumer, lasts: Mapping[TopicPartition, int]) -> None:
        offsets = {partition: last + 1 for partition, last in lasts.items()}
        self.failures = 0
        self.done.update(offsets)
        self.health.beat(self.worker.group)
        try:
            await client.commit(offsets)
        except (KafkaError, IllegalStateError) as error:
            log.warning("offsets_not_committed", group=self.worker.group, error=brief(error))


def as_record(raw: Raw) -> Record:
    """Return aiokafka's record as ours."""
    return Record(raw.topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers))


def first_offsets(raw: Iterable[Raw]) -> dict[TopicPartition, int]:
    """Return the lowest offset of each partition."""
    lowest: dict[tuple[str, int], int] = {}
    for record in raw:
        place = (record.topic, record.partition)
        lowest[place] = min(record.offset, lowest.get(place, record.offset))
    return {TopicPartition(*place): offset for place, offset in lowest.items()}


def last_offsets(raw: Iterable[Raw]) -> dict[TopicPartition, int]:
    """Return the highest offset of each partition."""
    highest: dict[tuple[str, int], int] = {}
    for record in raw:
        place = (record.topic, record.partition)
        highest[place] = max(record.offset, highest.get(place, record.offset))
    return {TopicPartition(*place): offset for place, offset in highest.items()}
