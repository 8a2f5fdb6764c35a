"""The scan among few and many open bookings: the steps of the expiry service, timed in turns on indexes of several sizes."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.bench import crowd
from services.cli.output import complain
from services.expiry.app import Current, ExpirySettings, Sweep, build
from services.runtime.errors import Halt
from services.runtime.migrations import upgrade
from services.runtime.outbox import Outgoing

BATCH, BATCHES = 500, 2
DUE = BATCH * BATCHES
FEWEST = 2 * DUE
WARM_UP = 1
NOWHERE = "localhost:9"
MILLISECONDS = 1000


@dataclass
class Index:
    """A deadline index with `size` open bookings, and the milliseconds of steps on it that found a batch, and of those that found less."""

    size: int
    connection: AsyncConnection
    settings: ExpirySettings
    busy: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    emitted: list[UUID] = field(default_factory=list)

    async def walk(self, host: datetime) -> None:
        """Let two batches become due and scan until there is no more. Raises Halt unless each of them was asked for once, and none else."""
        now = await crowd.due_after(self.connection, DUE)
        expected, self.emitted = sorted(await crowd.due(self.connection, now)), []
        sweep = Sweep(Current(self.settings.policies), self._publish, DUE + BATCH, window=DUE + BATCH, host=lambda: host)
        while await self._timed(sweep, now):
            pass
        if sorted(self.emitted) != expected:
            raise Halt(f"of {self.size} open bookings {len(expected)} were due, and the scan asked for {len(self.emitted)}, not the same")
        await crowd.postpone(self.connection, expected)

    async def _timed(self, sweep: Sweep, now: datetime) -> bool:
        before, began = len(self.emitted), time.perf_counter()
        more = await sweep.run_once(self.connection, now)
        took = (time.perf_counter() - began) * MILLISECONDS
        (self.busy if len(self.emitted) == before + BATCH else self.idle).append(took)
        return more

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        """Take the commands where Apache Kafka would: its time is the same whatever the size."""
        self.emitted += [UUID((record.key or b"").decode()) for record in records]


def databases(server: str, sizes: Sequence[int]) -> dict[int, str]:
    """Make a database for each of `sizes` with the schema of the expiry service. Not to be called inside an event loop."""
    urls = {size: make_url(server).set(database=f"open_{size}").render_as_string(hide_password=False) for size in sizes}
    asyncio.run(_create(server, [f"open_{size}" for size in sizes]))
    for url in urls.values():
        upgrade("expiry", url)
    return urls


async def scan(urls: dict[int, str], opens: datetime, rounds: int) -> dict[str, object]:
    """Fill the databases and scan each of them `rounds` times, in turns. Raises Halt."""
    async with AsyncExitStack() as stack:
        indexes = [await stack.enter_async_context(_index(size, url, opens)) for size, url in sorted(urls.items())]
        for turn in range(WARM_UP + rounds):
            for index in indexes if turn % 2 else reversed(indexes):
                await index.walk(opens)
            if turn < WARM_UP:
                for index in indexes:
                    index.busy.clear()
                    index.idle.clear()
    busy = {index.size: _milliseconds(index.busy) for index in indexes}
    idle = {index.size: _milliseconds(index.idle) for index in indexes}
    least, most = indexes[0].size, indexes[-1].size
    ratios = {"ratio": round(busy[most]["p50"] / busy[least]["p50"], 2), "idle_ratio": round(idle[most]["p50"] / idle[least]["p50"], 2)}
    return {"batch_ms": busy, "idle_ms": idle, **ratios}


def _milliseconds(taken: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(taken, n=20, method="inclusive")
    return {"times": len(taken), "p50": round(statistics.median(taken), 3), "p95": round(cuts[-1], 3)}


@asynccontextmanager
async def _index(size: int, url: str, opens: datetime) -> AsyncIterator[Index]:
    settings = ExpirySettings(database_url=url, kafka=NOWHERE, partitions_from=crowd.first_month(opens), grace_hours=24)
    await prepare(settings)
    async with crowd.connected(url) as connection:
        began = time.monotonic()
        await crowd.populate(connection, opens, size)
        complain(f"bench scan: {size} open bookings after {time.monotonic() - began:.0f} s")
        yield Index(size, connection, settings)


async def prepare(settings: ExpirySettings) -> None:
    """Have the service do what it does at each start: it makes the partitions that its settings ask for."""
    process = build(settings)
    try:
        for step in process.starting:
            await step()
    finally:
        await process.producer.stop()
        await process.engine.dispose()


async def _create(server: str, names: Sequence[str]) -> None:
    async with crowd.connected(server) as connection:
        for name in names:
            await connection.execute(text(f"create database {name}"))
