"""Dates open bookings anew when other policies come into force, so that the scan finds what became due earlier."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import redatings, store
from services.expiry.current import Current
from services.expiry.plan import Plan, plan
from services.expiry.policies import Policies
from services.expiry.redatings import Pass
from services.runtime.clock import host_now

BATCH = 5000
REST_SECONDS = 60.0
TELL_EVERY = 100_000
FIRST = UUID(int=0)
log = structlog.get_logger()


@dataclass
class Redating:
    """Each change is one pass over the open bookings, a batch in a transaction, that another process goes on with where one ends.

    Between passes it looks once a minute for what was dated otherwise, by a process with older settings.
    """

    current: Current
    steady: Callable[[], float] = time.monotonic
    host: Callable[[], datetime] = host_now
    batch: int = BATCH
    look_at: float = float("-inf")

    async def run_once(self, connection: AsyncConnection, now: datetime) -> bool:
        """Begin a pass, or take one a batch further; True when there may be more."""
        policies = await self.current.read(connection)
        wanted, state = plan(policies, now), await redatings.latest(connection)
        if state is None or state.plan != wanted.text or await self._found_stale(connection, wanted, state):
            await redatings.begin(connection, wanted, now, self.host())
            return True
        if state.ended_at is not None:
            return False
        if state.total is None:
            state = replace(state, total=await redatings.count_stale(connection, wanted))
            log.info("redating_begins", plan=state.plan, bookings=state.total, as_of=state.as_of.isoformat())
        ahead = await self._further(connection, policies, wanted, state) if state.total else replace(state, ended_at=self.host())
        await redatings.record(connection, ahead)
        self._tell(state, ahead)
        return ahead.ended_at is None

    async def _found_stale(self, connection: AsyncConnection, wanted: Plan, state: Pass) -> bool:
        if state.ended_at is None or self.steady() < self.look_at:
            return False
        self.look_at = self.steady() + REST_SECONDS
        return await redatings.count_stale(connection, wanted) > 0

    async def _further(self, connection: AsyncConnection, policies: Policies, wanted: Plan, state: Pass) -> Pass:
        """Date the next batch, in SQL what counts hours only, and the rest by the rule itself."""
        after = state.mark or FIRST
        seen, until = await redatings.chunk(connection, after, self.batch)
        if until is None:
            return replace(state, ended_at=self.host())
        changed = await redatings.redate(connection, wanted, after, until, state.as_of)
        entries = await redatings.others(connection, wanted, after, until) if wanted.counts_days else []
        await store.save_dates(connection, [entry.dated_anew(policies, state.as_of) for entry in entries])
        return replace(state, mark=until, seen=state.seen + seen, changed=state.changed + changed + len(entries))

    def _tell(self, before: Pass, after: Pass) -> None:
        if after.ended_at is not None:
            seconds = (after.ended_at - after.began_at).total_seconds()
            log.info("redating_ended", plan=after.plan, redated=after.changed, seen=after.seen, seconds=round(seconds, 3))
        elif before.seen // TELL_EVERY != after.seen // TELL_EVERY:
            log.info("redating", plan=after.plan, redated=after.changed, of=after.total)
