"""One run: calm, then faults under load, then healing, quiet, and a verdict."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError

from tests.faults.injectors import Injector
from tests.faults.ledger_file import read_ledger
from tests.faults.looking import Place, look, waiting
from tests.faults.plan import Fault, Profile, planned
from tests.faults.sink import taken
from tests.faults.stage import UP, Stage, staged
from tests.faults.trial import IN_CALM
from tests.faults.upstream import Upstream
from tests.faults.verdict import broken

REACH_SECONDS = 120.0
QUIET_SECONDS = 120.0
SETTLED_SECONDS = 20.0
KNOWN_SECONDS = 60.0
LOOK_EVERY = 2.0
ORPHANED_SECONDS = 16 * 60.0
KNOWN = "select count(*) from notifier.people"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Rest:
    """What was seen at rest: what still waits, what contradicts each promise that was not kept, and how the system answered."""

    waiting: dict[str, int]
    broken: dict[str, list[str]]
    answers: Counter[str]


@dataclass(frozen=True)
class Report:
    """What a run showed. `unreached` faults make it void, and so does a calm in which nothing was said or buried."""

    seed: int
    planned: Counter[str]
    reached: Counter[str]
    points: Counter[str]
    sent: Counter[str]
    unreached: Sequence[str]
    rest: Rest
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """In one word: `stuck`, `broken`, `void` or `clean`."""
        if self.rest.waiting:
            return "stuck"
        if self.rest.broken:
            return "broken"
        return "void" if self.unreached or not all(self.rest.answers[answer] for answer in IN_CALM) else "clean"


async def run(seed: int, profile: Profile, home: Path, say: Say = print, argv: Sequence[str] = UP) -> Report:
    """Live through the run of `seed` in `home`."""
    faults, began = planned(seed, profile), time.monotonic()
    async with staged(home, profile.copies, argv) as stage:
        upstream = Upstream(stage.kafka, home / "ledger.jsonl", seed, stage.clock.now)
        injector = Injector(stage, upstream)
        try:
            await upstream.introduce()
            await _known(stage, sum(map(len, upstream.people.values())), say)
            started, calm = time.monotonic(), time.time()
            say(f"{len(faults)} faults in {profile.seconds:.0f} s, after {started - began:.0f} s of starting")
            unreached = await _under_load(injector, faults, profile, say)
            injector.heal()
            healed = time.monotonic()
            say(f"healed after {healed - started:.0f} s; {upstream.path.read_bytes().count(b'kept')} records kept")
            place = Place(
                stage.kafka, stage.database, partial(read_ledger, upstream.path), partial(taken, stage.letters), stage.clock.steps
            )
            rest = await _settled(stage, place, (calm, calm + profile.calm), say)
        finally:
            await upstream.close()
        counted = Counter(fault.name for fault in faults)
        seconds = {"starting": started - began, "under load": healed - started, "to quiet": time.monotonic() - healed}
        return Report(seed, counted, injector.counters, stage.points, upstream.sent, unreached, rest, seconds)


async def _known(stage: Stage, people: int, say: Say) -> None:
    """Wait until everybody is known to whoever writes letters; whom nobody knows after a minute will miss letters."""
    known, deadline = 0, time.monotonic() + KNOWN_SECONDS
    connection = await asyncpg.connect(stage.database, timeout=10)
    try:
        while known < people and time.monotonic() < deadline:
            known = await connection.fetchval(KNOWN)
            await asyncio.sleep(LOOK_EVERY / 10)
    finally:
        await connection.close()
    if known < people:
        say(f"only {known} of {people} people are known after {KNOWN_SECONDS:.0f} s")


async def _under_load(injector: Injector, faults: Sequence[Fault], profile: Profile, say: Say) -> list[str]:
    """Carry out all faults while the load goes on; return those that could not be brought about."""
    load = asyncio.create_task(injector.upstream.run(profile.bookings_a_second, profile.seconds))
    began = time.monotonic()
    tasks = {asyncio.create_task(_told(injector, fault, began, say)): fault for fault in faults}
    _, late = await asyncio.wait(tasks, timeout=profile.seconds + REACH_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    await asyncio.sleep(max(0.0, began + profile.seconds - time.monotonic()))
    injector.heal()
    injector.upstream.enough.set()
    await load
    failed = {task: task.exception() for task in tasks.keys() - late if task.exception()}
    return sorted([f"{tasks[t].name} {tasks[t].victim}" for t in late] + [f"{tasks[t].name}: {error!r}" for t, error in failed.items()])


async def _told(injector: Injector, fault: Fault, began: float, say: Say) -> None:
    await injector.inject(fault, began)
    say(f"{time.monotonic() - began:6.1f} s  {fault.name} ({fault.victim}), planned for {fault.at}")


async def _settled(stage: Stage, place: Place, calm: tuple[float, float], say: Say) -> Rest:
    """Look until nothing waits and nothing is wrong; what is still wrong when all has long been quiet stays wrong.

    When nothing waits but commands for bookings that never came, business time leaps to where they are orphans.
    """
    deadline, quiet_since, leapt = time.monotonic() + QUIET_SECONDS, 0.0, False
    left, rest = {"everything": 1}, Rest({"everything": 1}, {}, Counter())
    while time.monotonic() < deadline:
        with suppress(OSError, KafkaError, asyncpg.PostgresError, TimeoutError):
            left = await waiting(place)
            if not leapt and left.keys() <= {"parked"}:
                stage.clock.leap(ORPHANED_SECONDS)
                leapt = True
            quiet_since = (quiet_since or time.monotonic()) if not left else 0.0
            trial = await look(place, await asyncio.to_thread(stage.metrics), calm)
            found = broken(trial)
            rest = Rest(left, found, trial.answers)
            say(f"        waiting {left}, broken { {promise: len(problems) for promise, problems in found.items()} }")
            if quiet_since and (not found or time.monotonic() - quiet_since > SETTLED_SECONDS):
                break
        await asyncio.sleep(LOOK_EVERY)
    return rest
