"""A history under way: a world, who looks at it, who sends into it, and how its services are moved by hand."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from aiokafka import ConsumerRecord

from tests.simulation.broker import Member
from tests.simulation.lookout import Lookout, Violated
from tests.simulation.traps import Crash, Effect
from tests.simulation.upstream import Upstream
from tests.simulation.world import Running, World

GOES = 100
ODDS_OF_A_TRAP = 0.45
LATEST = {"send": 3, "statement": 8, "answer": 8, "committing": 2}
T = TypeVar("T")


@dataclass
class History:
    """Driven by its own chance. `acts` counts what was done."""

    world: World
    lookout: Lookout
    upstream: Upstream
    trace: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)

    @property
    def chance(self) -> Random:
        """The one source of chance."""
        return self.world.chance

    def note(self, *what: object) -> None:
        """Remember a step."""
        self.trace.append(" ".join(map(str, (*what, self.world.log.size()))))

    def member(self, group: str) -> Member:
        """Return the member of a group in the process that runs under its service's name."""
        return self.world.running[service_of(group)].members[group]

    def weighted(self, weights: Mapping[T, int], fits: Callable[[T], bool] = lambda _: True) -> T | None:
        """Choose one of those that fit."""
        fitting = {key: weight for key, weight in weights.items() if fits(key)}
        return self.chance.choices(list(fitting), list(fitting.values()))[0] if fitting else None

    def arm(self, traps: list[tuple[str, Effect]]) -> str:
        """Set one of the traps, sometimes."""
        if self.chance.random() > ODDS_OF_A_TRAP:
            return ""
        place, effect = self.chance.choice(traps)
        self.world.traps.set(place, effect, self.chance.randint(1, LATEST.get(place.split()[-1], 1)))
        return f"{effect} {place}"

    async def drain(self, group: str) -> None:
        """Have a group read all that there is. Raises Violated if it does not come to the end of it."""
        member = self.member(group)
        for _ in range(GOES):
            if not (waiting := member.waiting()):
                return
            await self.settle(group, member.fetch(self.chance, waiting))
        raise Violated("comes_to_rest", f"{group} reads the same again and again")

    async def settle(self, group: str, batch: tuple[ConsumerRecord, ...], process: Running | None = None) -> None:
        """Hand a batch to a group's consumer as its client does."""
        running = process or self.world.running[service_of(group)]
        await running.consumers[group].on_batch(cast(Any, SimpleNamespace(raw_message=batch, consumer=running.members[group])))

    async def run(self, service: str, loop: str) -> None:
        """Turn a loop once; what it raises is for its next turn, as in the process."""
        try:
            await self.world.running[service].loops[loop](self.world.instant)
        except Exception as error:  # noqa: BLE001 - a trap, or something that an invariant will show
            self.note("failed", service, loop, type(error).__name__)

    async def guarded(self, service: str, work: Awaitable[None]) -> None:
        """Do the work, and start the process anew if it is cut off."""
        try:
            await work
        except Crash:
            await self.world.start(service)

    async def held(self, place: str, work: Awaitable[bool]) -> "asyncio.Task[bool]":
        """Begin the work, and return once it is held at `place`, or has ended without coming there."""
        traps = self.world.traps
        traps.set(place, "hold")
        task, waiting = asyncio.ensure_future(work), asyncio.ensure_future(traps.held.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        traps.clear()
        return task

    def digest(self) -> str:
        """Return a hash of what was done and said; of receipts the order among those of one round is the event loop's."""
        topics = self.lookout.topics
        said = [
            str((r.topic, r.place, r.key, r.identity, r.headers["ce_type"])) for t in topics if t.startswith("booking") for r in topics[t]
        ]
        receipts = sorted({str(r.data) for r in topics["notification.receipts.v1"]})
        return hashlib.sha256("\n".join([*self.trace, *said, *receipts]).encode()).hexdigest()


def service_of(group: str) -> str:
    """Return the service that a group is of."""
    return group.partition(".")[0]
