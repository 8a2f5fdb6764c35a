"""What the databases of the services hold, asked for until it is all there."""

import asyncio
import time
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.demo.stage import Stage
from services.cli.lag import backlogs
from services.runtime.errors import Halt

LOOK_EVERY = 0.5
PATIENCE_SECONDS = 120.0
BOOKINGS = "select count(*) from booking.bookings where status = 'pending' and version = 2"
EXPIRED = """
    select count(*) from booking.bookings
    where status = 'cancelled' and cancellation_reason = 'expired' and auto_cancelled"""
TOLD = "select count(*) from notifier.deliveries where template = 'expired-customer'"
TOLD_ONCE = """
    select count(*) from (
        select from notifier.deliveries where template = 'expired-customer' group by booking having count(*) = 1) as each_of_them"""
WATCHED = "select count(*) from expiry.deadlines where expires_at is not null"
QUEUED = "select (select count(*) from booking.outbox) + (select count(*) from expiry.outbox)"
UNFINISHED = """
    select (select count(*) from expiry.deadlines where next_reminder_at <= :now)
        + (select count(*) from notifier.deliveries where state = 'pending')
        + (select count(*) from booking.outbox) + (select count(*) from directory.outbox) + (select count(*) from expiry.outbox)
        + (select count(*) from notifier.outbox) + (select count(*) from payments.outbox)"""
RESTING_LOOKS = 2


async def until(engine: AsyncEngine, statement: str, number: int) -> None:
    """Wait until `statement` counts `number`. Raises Halt at more, and when there has been no progress for two minutes."""
    seen, since = -1, time.monotonic()
    while (count := await value(engine, statement)) != number:
        if count != seen:
            seen, since = count, time.monotonic()
        if time.monotonic() > since + PATIENCE_SECONDS:
            raise Halt(f"{count} instead of {number}, and that for {PATIENCE_SECONDS:g} s: {' '.join(statement.split())}")
        await asyncio.sleep(LOOK_EVERY)


async def rest(stage: Stage, engine: AsyncEngine) -> float:
    """Wait until nobody has anything left to read, to remind of, to send or to publish; return since when, as time.time() has it.

    Raises Halt after two minutes without progress.
    """
    seen, since, looks, began = -1, time.monotonic(), 0, 0.0
    while looks < RESTING_LOOKS:
        left = await value(engine, UNFINISHED, now=stage.clock.now())
        left += sum(((await backlogs(stage.kafka, stage.services)).lag or {}).values())
        looks = 0 if left else looks + 1
        began = time.time() if looks == 1 else began
        if left != seen:
            seen, since = left, time.monotonic()
        if time.monotonic() > since + PATIENCE_SECONDS:
            raise Halt(f"the platform does not come to rest: {left} things are left to do, and that for {PATIENCE_SECONDS:g} s")
        await asyncio.sleep(LOOK_EVERY)
    return began


async def value(engine: AsyncEngine, statement: str, **given: Any) -> Any:
    """Return what `statement` says."""
    async with engine.connect() as connection:
        return await connection.scalar(text(statement), given)
