"""What goes wrong when, in a run: drawn from one seed, and known before anything starts."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

SERVICES = ("booking", "directory", "expiry", "notifier", "payments")
POINTS: Mapping[str, tuple[str, ...]] = {
    "after-inbox-insert": ("booking",),
    "before-commit": SERVICES,
    "after-commit": SERVICES,
    "after-send-before-mark": ("notifier",),
    "after-publish-before-delete": ("booking", "notifier", "payments"),
    "before-publish": ("booking", "notifier", "payments"),
    "before-offsets": SERVICES,
    "before-dead-letter": ("booking",),
}
MODES, PLACES = ("cut", "black-holed", "slowed"), ("kafka", "postgres", "smtp")
RECORDS = (
    *("bad-json", "duplicate"),
    *("late", "early", "orphan", "equivocation", "too-large", "null-value", "missing-key", "schema", "key-mismatch"),
    *("unknown-type", "unknown-version", "actor-not-allowed", "bad-id", "bad-encoding", "too-deep"),
)
IN_CALM = 2
ALL = "all"


@dataclass(frozen=True, slots=True)
class Fault:
    """At `at` seconds of load `kind` befalls `victim`, a service or a server, in the way `how`, for `seconds`."""

    at: float
    kind: str
    victim: str
    how: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """What its counter is called."""
        return f"{self.kind} {self.how}".strip()


@dataclass(frozen=True, slots=True)
class Profile:
    """How long a run takes, and how often each kind happens in it.

    In its first `calm` seconds only the first of RECORDS come, when nothing excuses a second answer; nothing begins when less than
    `rest` of it is left.
    """

    seconds: float
    often: Mapping[str, int]
    pauses: tuple[float, float] = (5.0, 40.0)
    outages: tuple[float, float] = (2.0, 20.0)
    calm: float = 6.0
    rest: float = 0.1
    bookings_a_second: float = 4.0
    copies: Mapping[str, int] = field(default_factory=lambda: {"booking": 2})

    def lasting(self, seconds: float) -> "Profile":
        """Return a run of another length in which as much goes wrong in a minute."""
        often = {kind: max(1, round(number * seconds / self.seconds)) for kind, number in self.often.items()}
        return replace(self, seconds=seconds, often=often)


SMOKE = {
    "kill": 1,
    "kill-at": len(POINTS),
    "stop": 1,
    "rolling-restart": 1,
    "broker-kill": 1,
    "database": 2,
    "link": 3,
    "records": len(RECORDS),
}
GATE = {"kill": 25, "kill-at": 40, "stop": 12, "rolling-restart": 4, "broker-kill": 6, "database": 16, "link": 27, "records": 45}
SOAK = {kind: 8 * number for kind, number in GATE.items()}
EVERYWHERE = dict.fromkeys(SERVICES, 2)
PROFILES: Mapping[str, Profile] = {
    "smoke": Profile(60.0, SMOKE, pauses=(5.0, 6.0), outages=(2.0, 4.0), bookings_a_second=2.5),
    "gate": Profile(15 * 60.0, GATE, copies=EVERYWHERE),
    "soak": Profile(2 * 3600.0, SOAK, copies=EVERYWHERE),
}


def planned(seed: int, profile: Profile) -> list[Fault]:
    """Return what happens in a run of `seed`, in order: every way of every kind in turn, as often as the profile says."""
    chance = random.Random(seed)
    faults: list[Fault] = []
    for kind, number in profile.often.items():
        ways = _ways(kind, chance)
        for n in range(number):
            how, victim = next(ways)
            calmly = kind == "records" and n < IN_CALM
            at = profile.calm / 3 if calmly else chance.uniform(profile.calm, (1 - profile.rest) * profile.seconds)
            faults.append(Fault(round(at, 1), kind, victim, how, _lasting(kind, profile, chance)))
    return sorted(faults, key=lambda fault: (fault.at, fault.kind, fault.how))


def _lasting(kind: str, profile: Profile, chance: random.Random) -> float:
    least, most = profile.pauses if kind == "stop" else profile.outages
    return round(chance.uniform(least, most), 1)


def _ways(kind: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield the ways of a kind and their victims, each way once before any comes again."""
    while True:
        yield from _turn(kind, chance)


def _turn(kind: str, chance: random.Random) -> list[tuple[str, str]]:
    match kind:
        case "kill-at":
            return [(point, chance.choice(victims)) for point, victims in POINTS.items()]
        case "database":
            return [("immediate-stop", "postgres"), ("backend-kills", chance.choice((ALL, *SERVICES)))]
        case "link":
            return [(f"{mode} {place}", _at_the_end_of(place, chance)) for mode, place in _one_place_each(chance)]
        case "records":
            return [(how, "load") for how in RECORDS]
        case "broker-kill":
            return [("", "kafka")]
        case _:
            return [("", service) for service in chance.sample(SERVICES, len(SERVICES))]


def _one_place_each(chance: random.Random) -> list[tuple[str, str]]:
    """Return every link fault, ordered so that three in a row differ in mode and place."""
    places = chance.sample(PLACES, len(PLACES))
    return [(mode, places[(n + turn) % len(PLACES)]) for turn in range(len(PLACES)) for n, mode in enumerate(MODES)]


def _at_the_end_of(place: str, chance: random.Random) -> str:
    return "notifier" if place == "smtp" else chance.choice((ALL, *SERVICES))
