"""The servers of one run of a peer: those of the platform, with its settings, in a folder that is gone afterwards."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from aiokafka.admin import NewTopic
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.cli.clients import administering, partitions_of, reading
from services.cli.demo.stage import own_folder
from services.runtime.embedded.kafka import launch_kafka
from services.runtime.embedded.postgres import launch_postgres

TOPIC, PARTITIONS = "events", 3
POLL_MS = 500


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two answer."""

    database: str
    kafka: str

    @property
    def environment(self) -> dict[str, str]:
        """What a peer is told."""
        return {"BENCH_DATABASE": self.database, "BENCH_KAFKA": self.kafka, "BENCH_TOPIC": TOPIC}

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection on which every statement is a transaction."""
        engine = create_async_engine(self.database.replace("postgresql:", "postgresql+asyncpg:", 1))
        try:
            async with engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")
        finally:
            await engine.dispose()

    async def create_topic(self) -> None:
        """Make the topic that events go to."""
        async with administering(self.kafka) as admin:
            await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])

    async def records(self) -> Counter[int]:
        """Count the records in the topic by their key."""
        seen: Counter[int] = Counter()
        async with administering(self.kafka) as admin, reading(self.kafka) as consumer:
            partitions = await partitions_of(admin, [TOPIC])
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(p) < end for p, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    seen.update(int(record.key) for record in records)
        return seen


@contextmanager
def serving() -> Iterator[Servers]:
    """Run PostgreSQL and Apache Kafka, as durable as the platform's."""
    with own_folder() as home:
        servers = [launch_postgres(home), launch_kafka(home)]
        try:
            for server in servers:
                server.wait()
            yield Servers(servers[0].url, servers[1].url)
        finally:
            for server in servers:
                server.stop()
