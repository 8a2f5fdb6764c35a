"""What benchmarks send and how they count: a run whose effects are not all there once has failed."""

from collections import Counter

import pytest

from services.cli.bench.latency import summary
from services.cli.bench.load import requests, with_copies
from services.cli.bench.tally import Tally
from services.runtime.errors import Halt
from tests.builders import NOW


def test_every_tenth_command_can_come_twice() -> None:
    records = requests(20, NOW, NOW)
    assert sorted(Counter(record.key for record in with_copies(records)).values()) == [1] * 18 + [2] * 2


@pytest.mark.parametrize(("seen", "problem"), [(["a"], "1 are missing and 0"), (["a", "b", "b"], "0 are missing and 1")])
def test_an_effect_that_is_missing_or_doubled_fails_the_run(seen: list[str], problem: str) -> None:
    with pytest.raises(Halt, match=problem):
        Tally(Counter(seen)).demand(["a", "b"], "events")


def test_commands_may_come_again_but_for_nobody_else() -> None:
    assert Tally(Counter(["a", "b", "b", "b"])).demand_some(["a", "b"], "commands") == 2
    with pytest.raises(Halt, match="for 1 bookings are missing, and there are some for 1 others"):
        Tally(Counter(["a", "c"])).demand_some(["a", "b"], "commands")


def test_the_slowest_hundredth_is_told_in_intervals_of_the_scan() -> None:
    found = summary([n / 100 for n in range(101)], 0.5)
    assert (found["p50"], found["p99"], found["max"], found["p99_polls"]) == (0.5, 0.99, 1.0, 1.98)
