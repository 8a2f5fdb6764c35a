"""Two at once: what another process, or a person, does while the first process stands in the middle of its work."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta

from aiokafka import ConsumerRecord, TopicPartition

from tests.simulation.history import History, service_of
from tests.simulation.traps import Crash
from tests.simulation.world import Running

NOTHING = "nothing"
STANDS = ("at first", "before commit", "before offsets")
MOVABLE = (
    "booking.commands",
    "booking.payments",
    "directory.events",
    "expiry.events",
    "expiry.rejections",
    "notifier.events",
    "payments.events",
)
HOURS_TO_LAPSE = timedelta(hours=49)
ODDS_OF_AN_END = 0.5


@dataclass(frozen=True)
class Share:
    """Partitions that a member of a group works on."""

    group: str
    places: list[TopicPartition]


async def overlap(history: History) -> str:
    """Two processes settle messages of different partitions at once; the first may not survive it."""
    shares = [Share(g, [place]) for g in ("booking.commands", "booking.payments") for place in history.member(g).waiting()]
    if len(shares) < 2:
        return NOTHING
    first, second = history.chance.sample(shares, 2)
    return await _beside(history, first, second, "before commit")


async def rebalance(history: History) -> str:
    """Partitions move to another process while the first still works on what it has read of them."""
    groups = [group for group in MOVABLE if history.member(group).waiting()]
    if not groups:
        return NOTHING
    group = history.chance.choice(groups)
    first = Share(group, history.member(group).waiting())
    moved = history.chance.sample(first.places, history.chance.randint(1, len(first.places)))
    stands = history.chance.choice(STANDS)
    history.acts[f"rebalance {stands}"] += 1
    return await _beside(history, first, Share(group, moved), stands)


async def contend(history: History) -> str:
    """A second process of a service wants to publish while the first is about to forget what it has published."""
    service = history.chance.choice(["booking", "notifier", "payments"])
    working = await history.held(f"{service} acknowledge", _survives(history.run(service, "relay")))
    rival = await history.world.start(service, heir := f"{service} again", slot=1)
    await rival.loops["relay"](history.world.instant)
    await history.world.stop(heir)
    history.world.traps.go.set()
    await working
    return service


async def race(history: History) -> str:
    """Somebody acts on bookings at the last minute, which the scan that finds them lapsed has not heard of."""
    await history.drain("booking.commands")
    await history.run("booking", "relay")
    await history.drain("expiry.events")
    history.world.instant += HOURS_TO_LAPSE
    for story in history.upstream.stories:
        history.upstream.hurry(story, history.world.instant)
    await history.run("expiry", "scan")
    return str(history.world.instant)


async def _beside(history: History, first: Share, second: Share, stands: str) -> str:
    """Have another process work on `second` while one stands in the middle of `first`; one of the two goes on alone."""
    world, service, chance = history.world, service_of(first.group), history.chance
    old, heir = history.member(first.group), f"{service} again"
    batch = old.fetch(chance, first.places)
    lost = second.places if second.group == first.group else []
    old.lost.update(lost)
    working = await history.held(f"{first.group} {stands}", _survives(history.settle(first.group, batch)))
    other = await world.start(service, heir, slot=1)
    beside = asyncio.ensure_future(history.settle(second.group, _taken_over(history, other, second), other))
    await history.lookout.done_or_blocked(beside)
    if beside.done() and "relay" in other.loops:
        await history.run(service, "relay")
    world.traps.then_crash = chance.random() < ODDS_OF_AN_END
    world.traps.go.set()
    survived, _ = await asyncio.gather(working, beside)
    if survived and chance.random() < ODDS_OF_AN_END:
        await world.stop(heir)
        old.go_back(lost)
    else:
        await world.succeed(service, heir)
    return f"{stands} {first} {second} {survived}"


def _taken_over(history: History, process: Running, share: Share) -> tuple[ConsumerRecord, ...]:
    """Assign the share to the process's member, and nothing else, and have it read."""
    member = process.members[share.group]
    member.lost.update(member.position)
    member.go_back(share.places)
    return member.fetch(history.chance, share.places)


async def _survives(work: Awaitable[None]) -> bool:
    try:
        await work
    except Crash:
        return False
    return True
