"""Ratios of figures that were taken in turns: each round gives one, and the middle one counts, so that the load of a minute does not."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Round = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is compared: `over` names the other side, None where the figure itself counts; `least` or `most` is what we aim at."""

    what: str
    of: str
    figure: str = "per_second"
    over: str | None = None
    least: float | None = None
    most: float | None = None

    def reached(self, value: float) -> bool | None:
        """Whether `value` will do; None where nothing is aimed at."""
        if self.least is None and self.most is None:
            return None
        return value >= (self.least or value) and value <= (self.most or value)

    @property
    def wanted(self) -> str:
        """What is aimed at, in a few characters."""
        if self.least is not None:
            return f"≥ {self.least:g}"
        return "" if self.most is None else f"≤ {self.most:g}"

    def of_round(self, lines: Round) -> float | None:
        """Return the ratio of one round, None where a side is missing."""
        ours, theirs = _figure(lines, self.of, self.figure), _figure(lines, self.over, self.figure) if self.over else 1.0
        return None if ours is None or theirs is None else ours / theirs


@dataclass(frozen=True, slots=True)
class Ratio:
    """The middle ratio of all rounds, and the ratio of each."""

    what: str
    value: float
    wanted: str
    reached: bool | None
    rounds: Sequence[float]

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


GOALS = (
    Goal("expiry / Django loop", "expiry", over="django_loop", least=20),
    Goal("expiry / Django bulk", "expiry", over="django_bulk", least=1.1),
    Goal("expiry, core alone / Django loop", "expiry_core", over="django_loop"),
    Goal("expiry, core alone / limit", "expiry_core", over="limit_expiry"),
    Goal("expiry, core alone / its messages alone", "expiry_core", over="floor_expiry"),
    Goal("its messages alone / Django loop", "floor_expiry", over="django_loop"),
    Goal("its messages alone / Django bulk", "floor_expiry", over="django_bulk"),
    Goal("its messages alone / limit", "floor_expiry", over="limit_expiry"),
    Goal("expiry / Celery", "expiry", over="celery"),
    Goal("expiry / Procrastinate", "expiry", over="procrastinate"),
    Goal("expiry / limit", "expiry", over="limit_expiry", least=0.25),
    Goal("ingest / limit", "ingest", over="limit_ingest", least=0.35),
    Goal("ingest, core alone / limit", "ingest_core", over="limit_ingest"),
    Goal("its messages alone / limit of ingest", "floor_ingest", over="limit_ingest"),
    Goal("ingest with 2 workers / limit", "ingest_2", over="limit_ingest", least=0.5),
    Goal("ingest with 10 % copies / without", "ingest_copies", over="ingest", least=0.9),
    Goal("latency, p99 in scan intervals", "latency", figure="p99_polls", most=2),
    Goal("scan, a batch among most / fewest", "scan", figure="ratio", most=1.3),
    Goal("scan, nothing due among most / fewest", "scan", figure="idle_ratio"),
)


def ratios(rounds: Sequence[Round], goals: Sequence[Goal] = GOALS) -> list[Ratio]:
    """Return what can be compared in `rounds`."""
    found = ((goal, [ratio for lines in rounds if (ratio := goal.of_round(lines)) is not None]) for goal in goals)
    return [_ratio(goal, values) for goal, values in found if values]


def medians(rounds: Sequence[Round]) -> dict[str, float]:
    """Return the middle rate of each entrant."""
    names = sorted({name for lines in rounds for name in lines})
    rates = {name: [rate for lines in rounds if (rate := _figure(lines, name, "per_second")) is not None] for name in names}
    return {name: round(statistics.median(values), 1) for name, values in rates.items() if values}


def _figure(lines: Round, name: str, figure: str) -> float | None:
    value = lines.get(name, {}).get(figure)
    return None if value is None else float(value)


def _ratio(goal: Goal, values: Sequence[float]) -> Ratio:
    middle = statistics.median(values)
    return Ratio(goal.what, round(middle, 3), goal.wanted, goal.reached(middle), [round(value, 3) for value in values])
