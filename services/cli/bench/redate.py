"""Another policy for very many open bookings: how long until all of them follow, with the scan at work meanwhile."""

import asyncio
import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.bench import crowd
from services.cli.bench.scan import NOWHERE, databases, prepare
from services.expiry.app import Current, ExpirySettings, Redating, Sweep, office
from services.runtime.clock import host_now
from services.runtime.db import open_engine
from services.runtime.errors import Halt
from services.runtime.loops import Step, transacted
from services.runtime.outbox import Outgoing

GRACE, SHORTER = 24.0, 12.0
SCAN_EVERY = 0.02
MILLISECONDS = 1000
BY = "admin:00000000-0000-0000-0000-000000000000"
DUE = "select booking from expiry.deadlines where booking_date + interval '12 hours' <= :now"
WRONG = """
    select count(*) from expiry.deadlines d where dated_by <> :dated_by or expires_at <> booking_date + interval '12 hours'
        or next_reminder_at is distinct from case when status = 'pending' then (
            select min(at) from (values (expires_at - interval '24 hours'), (expires_at - interval '2 hours')) as lead (at)
            where at > :now) end"""


@dataclass
class Scanning:
    """A scan that goes on until it is told to end, with the milliseconds of its steps and what it asked for."""

    sweep: Sweep
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    steps: list[float] = field(default_factory=list)

    async def run(self, connection: AsyncConnection, now: datetime) -> None:
        """Scan again and again, and once more at the end."""
        while not self.ended.is_set():
            await self._scan(connection, now)
            await asyncio.sleep(SCAN_EVERY)
        await self._scan(connection, now)

    async def _scan(self, connection: AsyncConnection, now: datetime) -> None:
        more = True
        while more:
            began = time.perf_counter()
            more = await self.sweep.run_once(connection, now)
            self.steps.append((time.perf_counter() - began) * MILLISECONDS)


def redate(server: str, number: int) -> dict[str, object]:
    """Fill a database, change the policy, and have all bookings follow. Not to be called inside an event loop.

    Raises Halt unless every date is right, and the scan asked for each booking that is due, and no other.
    """
    (url,) = databases(server, [number]).values()
    return asyncio.run(_redate(url, number, host_now()))


async def _redate(url: str, number: int, opens: datetime) -> dict[str, object]:
    settings = ExpirySettings(database_url=url, kafka=NOWHERE, partitions_from=crowd.first_month(opens), grace_hours=GRACE)
    await prepare(settings)
    current, emitted = Current(settings.policies), list[UUID]()

    async def publish(records: Sequence[Outgoing]) -> None:
        emitted.extend(UUID((record.key or b"").decode()) for record in records)

    engine = open_engine(url, pool_size=2, name="sewa-bench")
    step = transacted(engine, Redating(current).run_once)
    try:
        async with crowd.connected(url) as connection:
            await crowd.populate(connection, opens, number, office.dated_by(settings.policies, opens))
            while await step(opens):
                pass
            wish = office.Wish("*", {"grace_hours": SHORTER}, BY, effective_at=opens)
            await office.hear(connection, [await office.set_policy(connection, settings.policies, wish, opens)])
            scanning = Scanning(Sweep(current, publish, number, window=number, host=lambda: opens))
            seconds, steps = await _pass(step, scanning, connection, opens)
            await _verify(connection, office.dated_by(await current.read(connection), opens), emitted, opens)
    finally:
        await engine.dispose()
    cuts = statistics.quantiles(steps, n=20, method="inclusive")
    scan = {"times": len(steps), "p50": round(statistics.median(steps), 3), "p95": round(cuts[-1], 3), "max": round(max(steps), 3)}
    return {"seconds": round(seconds, 3), "per_second": round(number / seconds, 1), "scan_ms": scan, "emitted": len(emitted)}


async def _pass(step: Step, scanning: Scanning, connection: AsyncConnection, now: datetime) -> tuple[float, list[float]]:
    """Let a pass begin and end while the scan goes on, and once more; return its seconds, and the milliseconds of the scan's steps."""
    scan = asyncio.create_task(scanning.run(connection, now))
    began = time.monotonic()
    while await step(now):
        pass
    seconds = time.monotonic() - began
    scanning.ended.set()
    await scan
    return seconds, scanning.steps


async def _verify(connection: AsyncConnection, dated_by: str, emitted: Collection[UUID], now: datetime) -> None:
    """Raise Halt unless every date is that of the new policy, and the scan asked once for each booking that is due by it."""
    if wrong := await connection.scalar(text(WRONG), {"now": now, "dated_by": dated_by}):
        raise Halt(f"{wrong} bookings are not dated as the policy says")
    due = sorted((await connection.scalars(text(DUE), {"now": now})).all())
    if sorted(emitted) != due:
        raise Halt(f"{len(due)} bookings are due, and the scan asked for {len(emitted)}, not the same")
