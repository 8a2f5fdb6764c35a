"""Waits until a policy or calendar that was asked for is known, in force, and followed by the open bookings."""

import asyncio
import time
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.output import complain, console
from services.expiry.reports import ExpirySettings, office
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt

LOOK_EVERY = 0.1
HEARD_SECONDS = 10.0
STILL_SECONDS = 60.0


async def wait_for(settings: ExpirySettings, data: office.AnyPolicy, *, patiently: bool) -> office.Following | None:
    """Wait until the services know of `data`, 10 s at most; `patiently` until open bookings follow it, and return how they do.

    Raises Halt when nothing moves for a minute.
    """
    engine = open_direct_engine(settings.database_url, name="sewa-policy")
    try:
        known = await _is_heard(engine, data)
        if not known:
            complain("it is noted and will be sent, but no running expiry service has read it yet")
        return await _followed(engine, settings, data.effective_at) if patiently else None
    finally:
        await engine.dispose()


async def _is_heard(engine: AsyncEngine, data: office.AnyPolicy) -> bool:
    until = time.monotonic() + HEARD_SECONDS
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        while time.monotonic() < until:
            if await office.is_heard(connection, data):
                return True
            await asyncio.sleep(LOOK_EVERY)
    return False


async def _followed(engine: AsyncEngine, settings: ExpirySettings, effective_at: datetime) -> office.Following:
    clock, moved = business_clock(settings.clock_file, settings.env), time.monotonic()
    with console(stderr=True).status("waiting until it is in force") as status:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            before = following = await office.follow(connection, settings.policies, clock.now())
            while clock.now() < effective_at or not following.settled:
                if following != before or clock.now() < effective_at:
                    before, moved = following, time.monotonic()
                    status.update(told(following, clock.now(), effective_at))
                if time.monotonic() > moved + STILL_SECONDS:
                    raise Halt("the open bookings do not follow: no expiry service has moved for a minute")
                await asyncio.sleep(LOOK_EVERY)
                following = await office.follow(connection, settings.policies, clock.now())
    return following


def told(following: office.Following, now: datetime, effective_at: datetime) -> str:
    """Return how far it is, in a line."""
    if now < effective_at:
        return f"in force in {(effective_at - now).total_seconds():,.0f} s"
    return f"{following.redated:,} of {following.total or 0:,} open bookings dated anew"
