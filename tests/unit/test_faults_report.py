"""The report of a run under faults: one word for it, and every counter."""

import dataclasses
from collections import Counter

import pytest

from tests.faults.__main__ import told
from tests.faults.run import Report, Rest
from tests.faults.trial import BURIED, SAID

CALM = Counter({SAID: 3, BURIED: 1})
QUIET = Rest({}, {}, Counter({"events": 12, "refused slot-taken": 2}) + CALM)
CLEAN = Report(7, Counter({"stop": 2}), Counter({"stop": 2}), Counter({"before-commit booking": 3}), Counter({"orphan": 3}), [], QUIET)
BROKEN = dataclasses.replace(QUIET, broken={"one_outcome": ["a has no outcome"]})
STUCK = dataclasses.replace(BROKEN, waiting={"parked": 1})


@pytest.mark.parametrize(
    ("rest", "unreached", "verdict"),
    [
        (QUIET, [], "clean"),
        (QUIET, ["stop booking"], "void"),
        (dataclasses.replace(QUIET, answers=Counter({SAID: 3})), [], "void"),
        (dataclasses.replace(QUIET, answers=Counter({BURIED: 1})), [], "void"),
        (BROKEN, ["stop booking"], "broken"),
        (STUCK, [], "stuck"),
    ],
)
def test_a_run_is_clean_only_when_all_was_reached_and_kept_and_came_to_rest(rest: Rest, unreached: list[str], verdict: str) -> None:
    assert dataclasses.replace(CLEAN, rest=rest, unreached=unreached).verdict == verdict


def test_a_report_has_every_counter_and_how_to_repeat_the_run() -> None:
    text = told(dataclasses.replace(CLEAN, reached=Counter({"stop": 1}), rest=BROKEN, unreached=["stop booking"]), "do it again")
    for part in (
        "1 of 2",
        "orphan 3",
        "before-commit booking 3",
        "refused slot-taken 2",
        "not reached: stop booking",
        "one_outcome: a has no outcome",
    ):
        assert part in text
    assert text.splitlines()[-1] == "BROKEN: seed 7, . To repeat: do it again"
