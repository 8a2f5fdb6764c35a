"""Ratios come from rounds: each compares what ran in the same minutes, and the middle one counts."""

import pytest

from bench.comparison import Goal, Round, medians, ratios

GOAL = Goal("we / they", "ours", over="theirs", least=2)


def rates(ours: float, theirs: float) -> dict[str, dict[str, float]]:
    return {"ours": {"per_second": ours}, "theirs": {"per_second": theirs}}


def test_the_middle_of_the_ratios_counts_and_not_the_ratio_of_middles() -> None:
    [found] = ratios([rates(30, 10), rates(2, 4), rates(500, 200)], [GOAL])
    assert (found.value, found.rounds, found.reached, found.wanted) == (2.5, [3, 0.5, 2.5], True, "≥ 2")


@pytest.mark.parametrize(("least", "most", "reached"), [(3, None, False), (None, 3, True), (None, 2, False), (None, None, None)])
def test_a_goal_is_reached_or_not_or_there_is_none(least: float | None, most: float | None, reached: bool | None) -> None:
    goal = Goal("", "ours", over="theirs", least=least, most=most)
    assert [ratio.reached for ratio in ratios([rates(5, 2)], [goal])] == [reached]


def test_a_round_in_which_a_side_failed_does_not_count() -> None:
    rounds: list[Round] = [rates(30, 10), {"ours": {"failed": True}, "theirs": {"per_second": 10}}, {}]
    assert [ratio.rounds for ratio in ratios(rounds, [GOAL])] == [[3]]
    assert ratios(rounds[1:], [GOAL]) == []


def test_a_figure_may_count_by_itself() -> None:
    [found] = ratios([{"latency": {"p99_polls": 1.5}}], [Goal("", "latency", figure="p99_polls", most=2)])
    assert (found.value, found.reached) == (1.5, True)


def test_the_rates_shown_are_the_middle_ones() -> None:
    assert medians([rates(1, 4), rates(3, 5), rates(2, 9)]) == {"ours": 2, "theirs": 5}
