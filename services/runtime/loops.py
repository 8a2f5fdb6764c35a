"""Work that repeats: a step that a test, a simulation or the command line can call by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime.clock import Clock
from services.runtime.db import Lock, transaction
from services.runtime.errors import Halt, brief
from services.runtime.faults import Fault, fault
from services.runtime.health import Health
from services.runtime.metrics import LOOP_FAILURES
from services.runtime.retry import Backoff

log = structlog.get_logger()
Step = Callable[[datetime], Awaitable[bool]]
ConnectedStep = Callable[[AsyncConnection, datetime], Awaitable[bool]]


@dataclass
class Loop:
    """Runs a step every `every` seconds of the host, at once again while it says there is more."""

    name: str
    every: float
    run_once: Step
    clock: Clock
    health: Health
    backoff: Backoff = field(default_factory=Backoff)

    async def run(self, stopping: asyncio.Event) -> None:
        """Repeat until `stopping`; a failed round is logged and tried again with backoff. Raises Halt."""
        self.health.expect(self.name, self.every)
        failures = 0
        while not stopping.is_set():
            try:
                more = await self.run_once(self.clock.now())
            except Halt:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the next round may succeed, and readiness tells
                failures += 1
                LOOP_FAILURES.labels(self.name).inc()
                log.warning("loop_failed", loop=self.name, attempt=failures, error=brief(error))
                await pause(stopping, self.backoff.delay(failures))
                continue
            failures = 0
            self.health.beat(self.name)
            await pause(stopping, 0 if more else self.every)


async def patiently(what: str, step: Callable[[], Awaitable[object]], stopping: asyncio.Event) -> bool:
    """Call `step` until it meets no transient failure, with backoff; False when `stopping` came first."""
    attempt, backoff = 0, Backoff()
    while not stopping.is_set():
        try:
            await step()
        except Exception as error:
            if fault(error) is not Fault.TRANSIENT:
                raise
            attempt += 1
            log.warning("waiting", what=what, attempt=attempt, error=brief(error))
            await pause(stopping, backoff.delay(attempt))
        else:
            return True
    return False


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or less when `stopping` is set meanwhile."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)


def led(lock: Lock, step: ConnectedStep) -> Step:
    """Return `step` for one process at a time: it runs on the connection that holds `lock`, and not at all elsewhere."""

    async def run_once(now: datetime) -> bool:
        connection = await lock.take()
        if connection is None:
            return False
        try:
            return await step(connection, now)
        except Exception:
            await lock.release()
            raise

    return run_once


def transacted(engine: AsyncEngine, step: ConnectedStep) -> Step:
    """Return `step` with a transaction of its own each time."""

    async def run_once(now: datetime) -> bool:
        async with transaction(engine) as connection:
            return await step(connection, now)

    return run_once
