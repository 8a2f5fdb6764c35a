"""The breaker: what one scan may cancel."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from services.expiry.breaker import Breaker

counts = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("most", "share", "due", "open_ones", "limit"),
    [
        (0, "0", 10_000, 10_000, None),
        (5, "0", 5, 5, None),
        (5, "0", 6, 1000, 5),
        (0, "0.1", 3, 30, None),
        (0, "0.1", 4, 30, 3),
        (0, "0.29", 29, 100, None),
        (0, "0.29", 30, 100, 29),
        (0, "1", 30, 30, None),
        (5, "0.1", 6, 1000, 5),
        (5, "0.1", 4, 30, 3),
        (5, "0.1", 0, 0, None),
    ],
)
def test_more_than_the_lower_limit_is_held(most: int, share: str, due: int, open_ones: int, limit: int | None) -> None:
    assert Breaker(most, Decimal(share)).exceeded(due, open_ones) == limit


def test_without_a_limit_it_is_off() -> None:
    assert [b.is_on for b in (Breaker(), Breaker(1), Breaker(0, Decimal("0.5")))] == [False, True, True]


@given(counts, st.decimals(0, 1, places=3), counts, counts)
def test_one_more_is_never_held_less(most: int, share: Decimal, due: int, open_ones: int) -> None:
    breaker = Breaker(most, share)
    if breaker.exceeded(due, open_ones) is not None:
        assert breaker.exceeded(due + 1, open_ones) == breaker.exceeded(due, open_ones)


@given(counts, counts, counts)
def test_counting_up_to_enough_decides_as_counting_all(most: int, due: int, open_ones: int) -> None:
    breaker = Breaker(most)
    counted = due if breaker.enough is None else min(due, breaker.enough)
    assert breaker.exceeded(counted, open_ones) == breaker.exceeded(due, open_ones)
