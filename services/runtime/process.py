"""One operating-system process of a service: its consumers, its loops and its health port, from start to drained stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

import structlog
from aiokafka import AIOKafkaProducer
from faststream.kafka import KafkaBroker
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime import outbox
from services.runtime.clock import Clock, business_clock, host_now
from services.runtime.consumer import Consumer
from services.runtime.db import Lock, open_direct_engine, open_engine
from services.runtime.errors import Halt, SlotTaken
from services.runtime.exhibit import Exhibit, Families, Reading, exported, gauge
from services.runtime.headernames import read_any_header_name
from services.runtime.health import Endpoint, Health
from services.runtime.kafka import acknowledged, answers, open_producer, stop_quickly
from services.runtime.loops import ConnectedStep, Loop, Step, led, patiently, pause
from services.runtime.migrations import require_newest
from services.runtime.outbox import Outgoing
from services.runtime.outcomes import Handler
from services.runtime.partitions import Partitions, month_of, months_ahead
from services.runtime.progress import Progress
from services.runtime.relay import Relay, Waiting
from services.runtime.settings import RuntimeSettings
from services.runtime.worker import Prepare, Worker, nothing_to_prepare

log = structlog.get_logger()
WATCH_EVERY = 1.0
RELAY_EVERY = 0.02
HOUR = 3600.0
DRAIN_SECONDS = 8.0
BATCH_SECONDS = 4.0
SLOT_EVERY = 2.0
LEADER_REST = 0.9
SLOT_TRIES = 15


async def measure_backlog(schema: str, connection: AsyncConnection, _now: datetime) -> Families:
    """Return how much of `schema` waits to be published."""
    backlog = await outbox.backlog(connection, schema)
    return (
        gauge("outbox_pending", "Messages that wait to be published", backlog.pending),
        gauge("outbox_oldest_seconds", "Age of the oldest message that waits to be published", backlog.oldest_seconds),
    )


class Process:
    """What a service's composition root fills with consumers and loops, and then runs."""

    def __init__(self, name: str, settings: RuntimeSettings, port: int) -> None:
        """Open the clients of `name` without connecting. Raises Misconfigured."""
        self.name, self.settings, self._port = name, settings, port
        self.clock: Clock = business_clock(settings.clock_file, settings.env)
        label = f"sewa-{name}-{settings.slot}"
        self.engine: AsyncEngine = open_engine(settings.database_url, pool_size=settings.pool_size, name=label)
        self.direct: AsyncEngine = open_direct_engine(settings.direct_url, name=f"{label}-lock")
        self.producer: AIOKafkaProducer = open_producer(settings.kafka, label)
        self.health, self.stopping = Health(), asyncio.Event()
        self.starting: list[Callable[[], Awaitable[object]]] = []
        self._consumers: list[Consumer] = []
        self._loops: list[Loop] = []
        self._exhibit = Exhibit()
        self._failure: Halt | None = None
        read_any_header_name()
        self._broker = KafkaBroker(settings.kafka, client_id=label, consumer_only=True, graceful_timeout=DRAIN_SECONDS, logger=None)
        self._locks: list[Lock] = []
        self._slot = self.lock(f"slot:{settings.slot}")
        self.repeat("slot", SLOT_EVERY, self._hold_slot)

    def consume(self, group: str, topics: Sequence[str], handle: Handler, prepare: Prepare = nothing_to_prepare) -> Consumer:
        """Add a consumer group that settles the records of `topics` with `handle`; groups start in the order they are added in."""
        worker = Worker(group, self.engine, self.clock, self.settings.allowed_sources, handle, self.publish, prepare)
        consumer = Consumer(tuple(topics), worker, self.health, self.stopping, self.halt)
        consumer.register(self._broker, slot=self.settings.slot, batch=self.settings.batch)
        self.health.expect(group)
        self._consumers.append(consumer)
        self.repeat(f"progress:{group}", WATCH_EVERY, Progress(consumer, self.health, partial(answers, self.settings.kafka)).run_once)
        return consumer

    def repeat(self, name: str, every: float, step: Step) -> None:
        """Add a loop that runs in every process of the service."""
        self._loops.append(Loop(name, every, step, self.clock, self.health))

    def lead(self, name: str, every: float, step: ConnectedStep) -> None:
        """Add a loop that runs in one process of the service at a time."""
        self.repeat(name, every, led(self.lock(name), step))

    def export(self, name: str, every: float, read: Reading) -> None:
        """Export the series that `read` returns, from one process of the service at a time."""
        self.repeat(name, every, exported(self.lock(name), self._exhibit, name, read))

    def lock(self, name: str) -> Lock:
        """Return a lock of the service, given back when the process stops."""
        lock = Lock(self.direct, f"{self.name}:{name}", LEADER_REST)
        self._locks.append(lock)
        return lock

    def need_schema(self, schema: str) -> None:
        """Refuse to start on a database that is not migrated."""

        async def check() -> None:
            async with self.engine.connect() as connection:
                await require_newest(connection, schema)

        self.starting.append(check)

    def keep_partitions(self, partitions: Partitions) -> None:
        """Have the months ahead made at the start, and then hourly."""

        async def ensure(_now: datetime | None = None) -> bool:
            today = host_now().date()
            await partitions.ensure(months_ahead(self.settings.partitions_from or month_of(today) - timedelta(days=1), today))
            return False

        self.starting.append(ensure)
        self.repeat("partitions", HOUR, ensure)

    def relay(self, schema: str, waiting: Waiting) -> None:
        """Publish the outbox of `schema`, one process at a time."""
        self.lead("relay", RELAY_EVERY, Relay(schema, self.producer, waiting).run_once)
        self.export("backlog", WATCH_EVERY, partial(measure_backlog, schema))

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Send `records` and wait until Kafka has all of them. Raises KafkaError, and TimeoutError after 25 s."""
        futures = [await self.producer.send(r.topic, r.value, r.key, headers=list(r.headers)) for r in records]
        await acknowledged(futures)

    def halt(self, failure: Halt) -> None:
        """Stop the process because of `failure`."""
        log.error("halt", reason=str(failure))
        self._failure = self._failure or failure
        self.stopping.set()

    async def run(self) -> None:
        """Run until a signal or `stopping`, then drain. Raises Halt when the process cannot start or must not go on."""
        endpoint = Endpoint(self.health, self.settings.host, self._port + self.settings.slot, f"SEWA_{self.name.upper()}_PORT")
        tasks = [asyncio.create_task(self._guard(endpoint.serve())), asyncio.create_task(self._guard(self._work()))]
        await self.stopping.wait()
        await asyncio.wait(tasks[1:], timeout=DRAIN_SECONDS)
        endpoint.stop()
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._failure:
            raise self._failure

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Halt as failure:
            self.halt(failure)
        except Exception:
            log.exception("process_failed")
            self.halt(Halt("the process failed; the log line before this one has the traceback"))
            raise

    async def _work(self) -> None:
        """Start everything in order, run the loops until stopped, and close everything in reverse."""
        async with AsyncExitStack() as stack:
            REGISTRY.register(self._exhibit)
            stack.callback(REGISTRY.unregister, self._exhibit)
            stack.push_async_callback(self.engine.dispose)
            for lock in self._locks:
                stack.push_async_callback(lock.release)
            stack.push_async_callback(stop_quickly, self.producer.stop)
            for step in (self._take_slot, *self.starting):
                await patiently("database", step, self.stopping)
            await patiently("kafka", self.producer.start, self.stopping)
            stack.push_async_callback(stop_quickly, self._broker.stop, BATCH_SECONDS)
            await patiently("kafka", self._broker.connect, self.stopping)
            for consumer in self._consumers:
                await patiently("kafka", consumer.start, self.stopping)
            log.info("started", consumers=[c.worker.group for c in self._consumers], loops=[loop.name for loop in self._loops])
            await asyncio.gather(*(self._guard(loop.run(self.stopping)) for loop in self._loops))

    async def _take_slot(self) -> None:
        for _ in range(SLOT_TRIES):
            if self.stopping.is_set() or await self._slot.take():
                return
            await pause(self.stopping, 1.0)
        raise self._slot_taken()

    async def _hold_slot(self, _now: datetime) -> bool:
        """Notice a lost lock: another process may own the slot since."""
        connection = await self._slot.take()
        if connection is None:
            raise self._slot_taken()
        try:
            await connection.execute(text("select 1"))
        except Exception:
            await self._slot.release()
            raise
        return False

    def _slot_taken(self) -> SlotTaken:
        return SlotTaken(f"another process runs {self.name} in slot {self.settings.slot}: give this one a SEWA_SLOT of its own")
