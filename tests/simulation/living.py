"""One history: some tens of steps that a seed chooses, then rest; what holds is looked at after each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partialmethod
from random import Random

import asyncpg
import pytest

from services.runtime.causality import CatchUp
from tests.simulation.acts import ACTS, NOTHING, UNSEEN, flow
from tests.simulation.history import History
from tests.simulation.lookout import Lookout, Violated, wipe
from tests.simulation.upstream import Upstream
from tests.simulation.world import ROOTS, Engines, World, staged

STEPS = 45
ROUNDS = 40


async def live(seed: int, engines: Engines, eye: "asyncpg.Connection[asyncpg.Record]", tables: list[str], steps: int = STEPS) -> History:
    """Live through the history of `seed`. Raises Violated."""
    async with begun(seed, engines, eye, tables) as history:
        for _ in range(steps):
            await step(history)
        await rest(history)
    return history


@asynccontextmanager
async def begun(seed: int, engines: Engines, eye: "asyncpg.Connection[asyncpg.Record]", tables: list[str]) -> AsyncIterator[History]:
    """Start everything on empty tables, and have people known; end everything afterwards."""
    await wipe(eye, tables)
    chance = Random(seed)
    world = World(engines, chance)
    history = History(world, Lookout(world, eye), Upstream(chance, world.log, world.new_id))
    with staged(world), pytest.MonkeyPatch.context() as patch:
        patch.setattr(CatchUp, "_look_again", partialmethod(_look_again, history))
        try:
            history.upstream.invite(world.instant)
            for service in ROOTS:
                await world.start(service)
            for group in ("directory.directory", "notifier.directory"):
                await history.drain(group)
            yield history
        finally:
            for name in list(world.running):
                await world.stop(name)


async def _look_again(waiting: CatchUp, history: History) -> None:
    """Let the group that another one waits for read on meanwhile."""
    await asyncio.sleep(0)  # whoever waits has a time limit
    await history.drain(waiting.consumer.worker.group)


async def step(history: History) -> None:
    """Do one thing. Raises Violated."""
    act = history.chance.choices(list(ACTS), list(ACTS.values()))[0]
    history.world.traps.clear()
    done = await act(history)
    history.note(act.__name__, done)
    history.acts[act.__name__] += done != NOTHING
    await history.lookout.check(tables=act not in UNSEEN)


async def rest(history: History) -> None:
    """Let everything that is under way come to its end, without traps, and wait for what time brings about. Raises Violated."""
    world = history.world
    world.traps.clear()
    world.instant += timedelta(minutes=16)
    quiet = False
    for _ in range(ROUNDS):
        before = world.log.size()
        await flow(history)
        if quiet := world.log.size() == before and not await history.lookout.under_way():
            break
    history.note("rest")
    await history.lookout.check(at_rest=True)
    if not quiet:
        raise Violated("comes_to_rest", f"after {ROUNDS} rounds something is still under way")
