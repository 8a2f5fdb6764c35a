"""Ready means progress: a part is missed when it has not begun, and 30 s after its next beat was due."""

import pytest

from services.runtime.errors import StartFailed
from services.runtime.health import Endpoint, Health


class Steady:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def steady() -> Steady:
    return Steady()


@pytest.fixture
def health(steady: Steady) -> Health:
    return Health(steady)


async def test_an_address_that_is_none_of_this_machines_is_told(health: Health) -> None:
    endpoint = Endpoint(health, "192.0.2.1", 8310, "SEWA_BOOKING_PORT")
    with pytest.raises(StartFailed, match=r"nobody can listen on 192\.0\.2\.1:8310 \(.+\): set SEWA_HOST"):
        await endpoint.serve()


def test_nothing_expected_is_nothing_missed(health: Health) -> None:
    assert health.stale() == []


def test_an_expected_part_is_missed_until_its_first_beat(health: Health) -> None:
    health.expect("relay")
    assert health.stale() == ["relay"]
    health.beat("relay")
    assert health.stale() == []


def test_a_part_is_missed_after_thirty_seconds_without_a_beat(health: Health, steady: Steady) -> None:
    health.expect("relay")
    health.beat("relay")
    steady.seconds += 30.0
    assert health.stale() == []
    steady.seconds += 0.001
    assert health.stale() == ["relay"]


def test_a_part_that_beats_hourly_has_an_hour_more(health: Health, steady: Steady) -> None:
    health.expect("partitions", 3600.0)
    health.beat("partitions")
    steady.seconds += 3630.0
    assert health.stale() == []
    steady.seconds += 0.001
    assert health.stale() == ["partitions"]


def test_expecting_a_part_again_does_not_forget_its_beat(health: Health) -> None:
    health.expect("relay")
    health.beat("relay")
    health.expect("relay")
    assert health.stale() == []


def test_all_that_is_missed_is_named_in_order(health: Health) -> None:
    for part in ("slot", "booking.commands", "relay"):
        health.expect(part)
    health.beat("slot")
    assert health.stale() == ["booking.commands", "relay"]
