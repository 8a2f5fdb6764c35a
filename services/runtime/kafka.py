"""Clients of Apache Kafka, opened and stopped one way everywhere."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from services.runtime.errors import brief

log = structlog.get_logger()
STOP_SECONDS = 3.0
ANSWER_SECONDS = 5.0
SEND_SECONDS = 25.0
LARGEST_REQUEST = 3 * 1024 * 1024
DEFAULT_PARTITIONER = DefaultPartitioner()


def open_producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """Return an idempotent producer (all replicas acknowledge, order kept per partition), not yet started."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        enable_idempotence=True,
        max_batch_size=256 * 1024,
        max_request_size=LARGEST_REQUEST,
        linger_ms=0,
        metadata_max_age_ms=30_000,
        partitioner=partition_for,
    )


def partition_for(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Return the partition that every client of Apache Kafka chooses."""
    return partitions[_place(key, len(partitions))] if key else int(DEFAULT_PARTITIONER(key, partitions, available))


@lru_cache(maxsize=16384)  # the hash is written in Python, and a booking's records come one after the other
def _place(key: bytes, partitions: int) -> int:
    return int(DEFAULT_PARTITIONER(key, range(partitions), ()))


async def acknowledged(futures: Iterable[asyncio.Future[object]], within: float = SEND_SECONDS) -> None:
    """Wait for Kafka to have what was sent. Raises the first failure, and TimeoutError when some is still under way."""
    pending = list(futures)
    done, late = await asyncio.wait(pending, timeout=within) if pending else (set(), set())
    for future in done:
        future.result()
    if late:
        message = f"Kafka has not acknowledged {len(late)} of {len(pending)} records within {within:g} s"
        raise TimeoutError(message)


async def stop_quickly(stop: Callable[[], Awaitable[object]], within: float = STOP_SECONDS) -> None:
    """Call `stop`, which would wait for an absent broker for ever, for so many seconds at most."""
    try:
        await asyncio.wait_for(stop(), within)
    except (TimeoutError, KafkaError, OSError) as error:
        log.warning("kafka_client_not_stopped_cleanly", error=brief(error))


async def answers(bootstrap: str, within: float = ANSWER_SECONDS) -> bool:
    """Return whether a new client reaches Apache Kafka within so many seconds."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    try:
        await asyncio.wait_for(client.start(), within)
    except (TimeoutError, KafkaError, OSError):
        return False
    finally:
        await stop_quickly(client.stop)
    return True
