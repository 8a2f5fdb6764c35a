"""Holds what would cancel too much: nothing is asked for, it is said once, and an admin's approval lets it go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.actors import Actor
from contracts.deadlines import ScanHeld
from contracts.ids import derived_id
from contracts.message import Message
from services.expiry import redatings, runs_store
from services.expiry.breaker import Breaker
from services.expiry.current import Current
from services.expiry.emissions import SOURCE
from services.expiry.finding import find
from services.expiry.plan import plan
from services.expiry.runs import Found, Mode, Run, Selection
from services.expiry.tables import SCHEMA
from services.runtime import outbox

ACTOR = Actor.system("expiry")
log = structlog.get_logger()


async def enter(connection: AsyncConnection, breaker: Breaker, run: Run, found: Sequence[Found]) -> Run:
    """Enter a run about `found` and return it: under way, held with the message that says so, or done where there is nothing to do."""
    limit = await _exceeded(connection, breaker, run.total, run.selection.mode)
    if limit is not None:
        run = replace(run, status="waiting_approval")
        await outbox.append(connection, SCHEMA, [outbox.outgoing(_held(run, limit))])
        log.warning("scan_held", scan=str(run.id), kind=run.kind, found=run.total, limit=limit)
    elif not found:
        run = replace(run, status="done", ended_at=run.requested_at)
    await runs_store.begin(connection, run, found)
    return run


async def _exceeded(connection: AsyncConnection, breaker: Breaker, due: int, mode: Mode) -> int | None:
    open_ones = await runs_store.count_open(connection, mode) if breaker.share and due else 0
    return breaker.exceeded(due, open_ones)


def _held(run: Run, limit: int) -> Message[ScanHeld]:
    data = ScanHeld(scan_id=run.id, found=run.total, limit=limit, as_of=run.selection.as_of)
    identity = str(derived_id(str(run.id), "held"))
    return Message(id=identity, source=SOURCE, subject=str(run.id), time=run.requested_at, actor=ACTOR, data=data)


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before every scan. While anything is held no scan asks for anything."""

    engine: AsyncEngine
    breaker: Breaker
    current: Current

    async def admits(self, connection: AsyncConnection, scan: UUID, now: datetime) -> bool:
        """Return whether the scan may go on; one that would cancel too much is held. Bookings of runs under way do not count."""
        if await runs_store.held(connection):
            return False
        if not self.breaker.is_on:
            return True
        if not await self._is_dated(connection, now):
            return False
        due = await runs_store.count_due(connection, now, self.breaker.enough)
        if await _exceeded(connection, self.breaker, due, "expired") is None:
            return True
        async with self.engine.begin() as own:
            return await self._judge(own, scan, now)

    async def _is_dated(self, connection: AsyncConnection, now: datetime) -> bool:
        """Return whether the index follows the policies: while it is dated anew in steps, what becomes due could pass in steps."""
        latest = await redatings.latest(connection)
        wanted = plan(await self.current.read(connection), now)
        return latest is not None and latest.ended_at is not None and latest.plan == wanted.text

    async def _judge(self, connection: AsyncConnection, scan: UUID, now: datetime) -> bool:
        """Count exactly what the index says is too much, and hold it if it is; two that do so at once hold one scan."""
        await runs_store.lock(connection)
        if await runs_store.held(connection):
            return False
        selection = Selection(now)
        claimed = await runs_store.claimed(connection)
        found = [f for f in await find(connection, await self.current.read(connection), selection) if f.entry.booking not in claimed]
        if await _exceeded(connection, self.breaker, len(found), selection.mode) is None:
            return True
        await enter(connection, self.breaker, Run(scan, "scan", "running", selection, len(found), requested_at=now), found)
        return False
