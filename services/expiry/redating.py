"""Brings stored deadlines up to date with policies that changed, so that the scan finds what became due earlier."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import store
from services.expiry.policies import Policies
from services.expiry.store import START, Mark

BATCH = 1000
REST_SECONDS = 60.0


@dataclass
class Redating:
    """Walks the open entries a batch at a time, and rests for a minute after each walk."""

    policies: Policies
    steady: Callable[[], float] = time.monotonic
    mark: Mark = START
    resume: float = float("-inf")

    async def run_once(self, connection: AsyncConnection, now: datetime) -> bool:
        """Date one batch anew; True when there may be more."""
        if self.steady() < self.resume:
            return False
        entries = await store.dated_otherwise(connection, self.policies.fingerprint(now), self.mark, BATCH)
        await store.save_dates(connection, [entry.dated_anew(self.policies, now) for entry in entries])
        if len(entries) == BATCH:
            self.mark = Mark.of(entries[-1])
            return True
        self.mark, self.resume = START, self.steady() + REST_SECONDS
        return False
