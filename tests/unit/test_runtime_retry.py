"""How long to wait: doubling up to a limit, with jitter that never halves it further than once."""

import pytest
from hypothesis import given, strategies as st

from services.runtime.retry import Backoff


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (8, 10.0), (10**9, 10.0)])
def test_the_wait_doubles_up_to_ten_seconds(attempt: int, seconds: float) -> None:
    assert Backoff().delay(attempt, chance=1.0) == pytest.approx(seconds)


def test_jitter_takes_away_half_at_most() -> None:
    assert Backoff(first=4.0).delay(1, chance=0.0) == 2.0
    assert Backoff(first=4.0).delay(1, chance=0.5) == 3.0


@given(st.integers(1, 10**6))
def test_the_drawn_wait_stays_between_half_and_all_of_it(attempt: int) -> None:
    backoff = Backoff(first=0.5, factor=3.0, limit=20.0)
    longest = backoff.delay(attempt, chance=1.0)
    assert longest / 2 <= backoff.delay(attempt) <= longest


def test_the_waits_of_two_processes_differ() -> None:
    assert len({Backoff().delay(5) for _ in range(20)}) > 1
