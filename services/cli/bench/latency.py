"""How late a customer is told: bookings lapse one after the other while the business clock runs, and the send ledger is looked at."""

import asyncio
import statistics
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.bench.ledger import PATIENCE_SECONDS
from services.cli.demo.stage import Stage
from services.runtime.errors import Halt

LOOK_EVERY = 0.02
DEADLINES = "select booking, expires_at from expiry.deadlines where expires_at is not null order by expires_at"
TOLD = """
    select distinct booking from notifier.deliveries
    where template = 'expired-customer' and booking = any(cast(:ids as uuid[])) and booking between :least and :greatest"""


async def deadlines(engine: AsyncEngine) -> dict[UUID, datetime]:
    """Return the open bookings and their deadlines, earliest first."""
    async with engine.connect() as connection:
        return {row.booking: row.expires_at for row in await connection.execute(text(DEADLINES))}


async def lateness(stage: Stage, engine: AsyncEngine, due: Mapping[UUID, datetime]) -> list[float]:
    """Return for each of `due` the seconds of the business clock from its deadline until its letter was seen in the send ledger.

    Raises Halt when the ledger stands still for two minutes after the last deadline.
    """
    untold, late = dict(due), list[float]()
    end = max(due.values()) + timedelta(seconds=PATIENCE_SECONDS)
    while untold:
        lapsed = sorted(booking for booking, deadline in untold.items() if deadline <= stage.clock.now())
        for booking in await _told(engine, lapsed):
            late.append((stage.clock.now() - untold.pop(booking)) / timedelta(seconds=1))
        if stage.clock.now() > end:
            raise Halt(f"{len(untold)} of {len(due)} customers were not told within {PATIENCE_SECONDS:g} s")
        await asyncio.sleep(LOOK_EVERY)
    return late


def summary(late: Collection[float], poll_seconds: float) -> dict[str, float]:
    """Return the percentiles of `late` in seconds, and the 99th in intervals of the scan."""
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    p50, p95, p99 = (round(cuts[n - 1], 3) for n in (50, 95, 99))
    return {
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "max": round(max(late), 3),
        "poll_seconds": poll_seconds,
        "p99_polls": round(p99 / poll_seconds, 2),
    }


async def _told(engine: AsyncEngine, bookings: list[UUID]) -> list[UUID]:
    if not bookings:
        return []
    async with engine.connect() as connection:
        rows = await connection.scalars(text(TOLD), {"ids": bookings, "least": bookings[0], "greatest": bookings[-1]})
        return list(rows.all())
