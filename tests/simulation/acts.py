"""What may be done in a step of a history, and how often: one thing at a time here, two at once in `clashes`."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.simulation import clashes
from tests.simulation.history import History, service_of
from tests.simulation.traps import Effect
from tests.simulation.world import ROOTS

Act = Callable[[History], Awaitable[str]]
NOTHING = "nothing"
MOUTHS = 3
LEAPS = {
    timedelta(seconds=1): 5,
    timedelta(seconds=59): 4,
    timedelta(seconds=61): 3,
    timedelta(minutes=16): 4,
    timedelta(hours=1): 4,
    timedelta(hours=7): 4,
    timedelta(hours=25): 4,
    timedelta(days=8): 2,
}
GROUPS = {
    "booking.commands": 8,
    "booking.payments": 4,
    "directory.events": 1,
    "expiry.events": 5,
    "expiry.policies": 2,
    "expiry.rejections": 2,
    "notifier.events": 3,
    "notifier.deadlines": 1,
    "payments.events": 4,
    "payments.policies": 1,
}
LOOPS = {
    ("booking", "relay"): 7,
    ("booking", "parked"): 1,
    ("booking", "orphans"): 1,
    ("booking", "prepayments"): 1,
    ("booking", "unanswered"): 1,
    ("directory", "relay"): 1,
    ("expiry", "scan"): 6,
    ("expiry", "remind"): 2,
    ("expiry", "redate"): 2,
    ("expiry", "relay"): 1,
    ("notifier", "deliver:email"): 9,
    ("notifier", "relay"): 1,
    ("payments", "relay"): 3,
}
TIMERS = [(service, loop) for service, loop in LOOPS if loop != "relay" and not loop.startswith("deliver")]
RESETTABLE = ("notifier.events", "expiry.events", "payments.events", "directory.events", "booking.commands", "booking.payments")
SENDS: tuple[tuple[str, Effect], ...] = (("send", "crash"), ("send", "lose"), ("send", "doubt"))
CUTS: tuple[tuple[str, Effect], ...] = (("statement", "lose"), ("answer", "doubt"), ("committing", "lose"), ("committing", "doubt"))
BATCHES: tuple[tuple[str, Effect], ...] = (
    ("before commit", "crash"),
    ("before commit", "fail"),
    ("before offsets", "crash"),
    ("after offsets", "crash"),
)
MAILS: tuple[tuple[str, Effect], ...] = (("mail before", "fail"), ("mail after", "crash"), ("mail before", "crash"))


async def speak(history: History) -> str:
    """Somebody upstream sends something, or several do."""
    return ", ".join(history.upstream.say(history.world.instant) for _ in range(history.chance.randint(1, MOUTHS)))


async def wait(history: History) -> str:
    """Time passes."""
    history.world.instant += history.weighted(LEAPS) or timedelta()
    return str(history.world.instant)


async def restart(history: History) -> str:
    """A process ends between two steps, and comes back."""
    service = history.chance.choice(list(ROOTS))
    await history.world.start(service)
    return service


async def sever(history: History) -> str:
    """The database ends every connection between two steps."""
    await history.lookout.sever()
    return ""


async def reset(history: History) -> str:
    """An operator has a group read everything again."""
    group = history.chance.choice(RESETTABLE)
    await history.world.stop(service_of(group))
    history.world.log.reset(group)
    await history.world.start(service_of(group))
    return group


async def deliver(history: History) -> str:
    """A group reads some records, and may be cut off."""
    group = history.weighted(GROUPS, lambda group: bool(history.member(group).waiting()))
    if group is None:
        return NOTHING
    member, service = history.member(group), service_of(group)
    batch = member.fetch(history.chance, member.waiting())
    own = [(f"{group} {place}", effect) for place, effect in BATCHES]
    said = (*SENDS, *SENDS) if service == "booking" else ()  # whose dead letters upstream brings about
    set_ = history.arm([*own, *((f"{service} {place}", effect) for place, effect in (*said, *CUTS))])
    await history.guarded(service, history.settle(group, batch))
    return f"{group} {len(batch)} {set_}"


async def turn(history: History) -> str:
    """A loop of a process turns once, and may be cut off."""
    service, loop = history.weighted(LOOPS) or ("", "")
    if loop == "deliver:email":
        await history.run("booking", "relay")
        await history.drain("notifier.events")  # so that there are letters
    cuts = [(f"{service} {place}", effect) for place, effect in CUTS]
    said = [(f"{service} {place}", effect) for place, effect in (*SENDS, ("acknowledge", "crash"))]
    set_ = history.arm([*cuts, *(MAILS if loop == "deliver:email" else [*said, *said])])
    await history.guarded(service, history.run(service, loop))
    return f"{service} {loop} {set_}"


async def regret(history: History) -> str:
    """An admin puts right what has happened to bookings, at once or when it is too late."""
    history.world.instant += history.chance.choice([timedelta(hours=1), timedelta(days=8)])
    return ", ".join(history.upstream.reinstate(story, history.world.instant) for story in history.upstream.stories)


async def flow(history: History) -> str:
    """For a while nothing goes wrong: every group reads all there is, and every loop turns that may have something to do."""
    for group in GROUPS:
        await history.drain(group)
    for service, loop in TIMERS:
        await history.run(service, loop)
    under_way = await history.lookout.under_way()
    for service, loop in [each for each in LOOPS if each in under_way]:
        await history.run(service, loop)
    return ""


ACTS: dict[Act, int] = {
    speak: 28,
    deliver: 34,
    turn: 28,
    flow: 9,
    wait: 9,
    regret: 1,
    restart: 2,
    sever: 1,
    reset: 1,
    clashes.overlap: 5,
    clashes.rebalance: 3,
    clashes.contend: 2,
    clashes.race: 2,
}
UNSEEN: set[Act] = {speak, wait, regret, restart, sever}
