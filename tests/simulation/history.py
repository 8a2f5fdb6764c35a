"""One history: some tens of steps that a seed chooses, then rest; what holds is looked at after each."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
from aiokafka import ConsumerRecord

from tests.simulation.lookout import Lookout, Violated, wipe
from tests.simulation.traps import Crash, Effect
from tests.simulation.upstream import Upstream
from tests.simulation.world import ROOTS, Engines, Running, World, staged

STEPS = 45
BOOKINGS = 3
ROUNDS = 40
LEAPS = [timedelta(seconds=1), timedelta(seconds=61), timedelta(minutes=16), timedelta(hours=1), timedelta(hours=7), timedelta(hours=25)]
GROUPS = {
    "booking.commands": 8,
    "booking.payments": 3,
    "directory.events": 1,
    "expiry.events": 5,
    "expiry.rejections": 2,
    "notifier.events": 3,
    "notifier.deadlines": 1,
    "payments.events": 3,
}
LOOPS = {
    ("booking", "relay"): 7,
    ("booking", "parked"): 1,
    ("booking", "orphans"): 1,
    ("booking", "prepayments"): 1,
    ("booking", "unanswered"): 1,
    ("directory", "relay"): 1,
    ("expiry", "scan"): 6,
    ("expiry", "remind"): 1,
    ("expiry", "relay"): 1,
    ("notifier", "deliver:in-app"): 1,
    ("notifier", "deliver:email"): 3,
    ("notifier", "relay"): 1,
    ("payments", "relay"): 2,
}
RESETTABLE = ("notifier.events", "expiry.events", "payments.events", "directory.events", "booking.commands")
SENDS: tuple[tuple[str, Effect], ...] = (("send", "crash"), ("send", "lose"), ("send", "doubt"))


@dataclass
class History:
    """A world on its way, driven by its own chance."""

    world: World
    lookout: Lookout
    upstream: Upstream
    trace: list[str] = field(default_factory=list)

    @property
    def chance(self) -> Random:
        """The one source of chance."""
        return self.world.chance

    async def begin(self) -> None:
        """Start everything, and have people known."""
        self.upstream.invite(self.world.instant)
        for _ in range(BOOKINGS):
            self.upstream.begin(self.world.new_id())
        for service in ROOTS:
            await self.world.start(service)
        for group in ("directory.directory", "notifier.directory"):
            await self.drain(group)

    async def step(self) -> None:
        """Do one thing."""
        acts: dict[Callable[[], Any], int] = {
            self.speak: 28,
            self.deliver: 34,
            self.turn: 28,
            self.wait: 9,
            self.restart: 2,
            self.reset: 1,
            self.overlap: 5,
            self.contend: 2,
            self.race: 2,
        }
        act = self.chance.choices(list(acts), list(acts.values()))[0]
        self.world.traps.clear()
        self.note(act.__name__, await act())
        await self.lookout.check(tables=act not in {self.speak, self.wait, self.restart})

    def note(self, *what: object) -> None:
        """Remember a step."""
        self.trace.append(" ".join(map(str, (*what, self.world.log.size()))))

    async def speak(self) -> str:
        """Somebody upstream sends something."""
        return self.upstream.say(self.world.instant)

    async def wait(self) -> str:
        """Time passes."""
        self.world.instant += self.chance.choice(LEAPS)
        return str(self.world.instant)

    async def restart(self) -> str:
        """A process ends between two steps, and comes back."""
        service = self.chance.choice(list(ROOTS))
        await self.world.start(service)
        return service

    async def reset(self) -> str:
        """An operator has a group read everything again."""
        group = self.chance.choice(RESETTABLE)
        await self.world.stop(_service(group))
        self.world.log.reset(group)
        await self.world.start(_service(group))
        return group

    async def deliver(self) -> str:
        """A group reads some records, and may be cut off."""
        group = self._weighted(GROUPS, lambda group: bool(self._member(group).waiting()))
        if group is None:
            return "nothing"
        member = self._member(group)
        if group == "notifier.deadlines":
            await self.drain("notifier.events")  # which it waits for
        batch = member.fetch(self.chance, member.waiting())
        own: list[tuple[str, Effect]] = [
            ("before commit", "crash"),
            ("before commit", "fail"),
            ("before offsets", "crash"),
            ("after offsets", "crash"),
        ]
        set_ = self._arm([*((f"{group} {place}", effect) for place, effect in own), *((f"{_service(group)} {p}", e) for p, e in SENDS)])
        await self._guarded(_service(group), self.settle(group, batch))
        return f"{group} {len(batch)} {set_}"

    async def turn(self) -> str:
        """A loop of a process turns once, and may be cut off."""
        service, loop = cast(tuple[str, str], self._weighted(LOOPS))
        traps = [(f"{service} {place}", effect) for place, effect in (*SENDS, ("acknowledge", "crash"))]
        if loop == "deliver:email":
            traps = [("mail before", "fail"), ("mail after", "crash"), ("mail before", "crash")]
        set_ = self._arm(traps)
        await self._guarded(service, self.run(service, loop))
        return f"{service} {loop} {set_}"

    async def overlap(self) -> str:
        """One batch of commands is held before its commit while another is settled and published; the first may not survive."""
        member, group = self._member("booking.commands"), "booking.commands"
        places = member.waiting()
        if len(places) < 2:
            return "nothing"
        first, second = (member.fetch(self.chance, [place]) for place in self.chance.sample(places, 2))
        if self._providers(first) & self._providers(second):
            await self._guarded("booking", self.settle(group, first))
            await self._guarded("booking", self.settle(group, second))
            return "in turn"
        self.world.traps.set(f"{group} before commit", "hold")
        held = asyncio.create_task(self._guarded("booking", self.settle(group, first)))
        await _either(held, self.world.traps.held)
        self.world.traps.place = ""
        await self.settle(group, second)
        await self.run("booking", "relay")
        self.world.traps.then_crash = self.chance.random() < 0.5
        self.world.traps.go.set()
        await held
        return f"{len(first)} {len(second)} {self.world.traps.then_crash}"

    async def contend(self) -> str:
        """A second process of a service wants to publish while the first is about to forget what it has published."""
        service = self.chance.choice(["booking", "notifier", "payments"])
        self.world.traps.set(f"{service} acknowledge", "hold")
        first = asyncio.create_task(self.run(service, "relay"))
        await _either(first, self.world.traps.held)
        self.world.traps.place = ""
        rival = await self.world.start(service, f"{service} again", slot=1)
        await rival.loops["relay"](self.world.instant)
        await self.world.stop(f"{service} again")
        self.world.traps.go.set()
        await first
        return service

    async def race(self) -> str:
        """Somebody acts on bookings at the last minute, which the scan that finds them lapsed has not heard of."""
        await self.drain("booking.commands")
        await self.run("booking", "relay")
        await self.drain("expiry.events")
        self.world.instant += timedelta(hours=49)
        for story in self.upstream.stories:
            self.upstream.hurry(story, self.world.instant)
        await self.run("expiry", "scan")
        return str(self.world.instant)

    async def rest(self) -> None:
        """Let everything that is under way come to its end, without traps, and wait for what time brings about."""
        self.world.traps.clear()
        self.world.instant += timedelta(minutes=16)
        for _ in range(ROUNDS):
            before = self.world.log.size()
            for group in GROUPS:
                await self.drain(group)
            for service, loop in LOOPS:
                await self.run(service, loop)
            if at_rest := self.world.log.size() == before and not await self.lookout.under_way():
                break
        self.note("rest")
        await self.lookout.check(at_rest=True)
        if not at_rest:
            raise Violated("comes_to_rest", f"after {ROUNDS} rounds something is still under way")

    async def drain(self, group: str) -> None:
        """Have a group read all that there is."""
        member = self._member(group)
        while waiting := member.waiting():
            await self.settle(group, member.fetch(self.chance, waiting))

    async def settle(self, group: str, batch: tuple[ConsumerRecord, ...]) -> None:
        """Hand a batch to a group's consumer as its client does."""
        running = self._running(group)
        await running.consumers[group].on_batch(cast(Any, SimpleNamespace(raw_message=batch, consumer=running.members[group])))

    async def run(self, service: str, loop: str) -> None:
        """Turn a loop once; what it raises is for its next turn, as in the process."""
        try:
            await self.world.running[service].loops[loop](self.world.instant)
        except Exception as error:  # noqa: BLE001 - a trap, or something that an invariant will show
            self.note("failed", service, loop, type(error).__name__)

    async def _guarded(self, service: str, work: Any) -> None:
        """Do the work, and start the process anew if it is cut off."""
        try:
            await work
        except Crash:
            await self.world.start(service)

    def _arm(self, traps: list[tuple[str, Effect]]) -> str:
        """Set one of the traps, sometimes."""
        if self.chance.random() > 0.35:
            return ""
        place, effect = self.chance.choice(traps)
        self.world.traps.set(place, effect, self.chance.randint(1, 3) if place.endswith("send") else 1)
        return f"{effect} {place}"

    def _weighted(self, weights: dict[Any, int], fits: Callable[[Any], bool] = lambda _: True) -> Any:
        fitting = {key: weight for key, weight in weights.items() if fits(key)}
        return self.chance.choices(list(fitting), list(fitting.values()))[0] if fitting else None

    def _running(self, group: str) -> Running:
        return self.world.running[_service(group)]

    def _member(self, group: str) -> Any:
        return self._running(group).members[group]

    def _providers(self, batch: tuple[ConsumerRecord, ...]) -> set[str]:
        owners = {str(story.id): story.provider.id for story in self.upstream.stories}
        return {owners[(record.key or b"").decode()] for record in batch}

    def digest(self) -> str:
        """Return a hash of what was done and said; of receipts the order among those of one round is the event loop's."""
        topics = self.lookout.topics
        said = [
            str((r.topic, r.place, r.key, r.identity, r.headers["ce_type"])) for t in topics if t.startswith("booking") for r in topics[t]
        ]
        receipts = sorted({str(r.data) for r in topics["notification.receipts.v1"]})
        return hashlib.sha256("\n".join([*self.trace, *said, *receipts]).encode()).hexdigest()


def _service(group: str) -> str:
    return group.partition(".")[0]


async def _either(work: "asyncio.Task[None]", held: asyncio.Event) -> None:
    """Wait until the trap holds the work, or it has ended without reaching it."""
    waiting = asyncio.create_task(held.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def live(seed: int, engines: Engines, eye: "asyncpg.Connection[asyncpg.Record]", tables: list[str], steps: int = STEPS) -> History:
    """Live through the history of `seed`. Raises Violated."""
    await wipe(eye, tables)
    chance = Random(seed)
    world = World(engines, chance)
    history = History(world, Lookout(world, eye), Upstream(chance, world.log))
    with staged(world):
        try:
            await history.begin()
            for _ in range(steps):
                await history.step()
            await history.rest()
        finally:
            for name in list(world.running):
                await world.stop(name)
    return history
