"""Hundreds of histories, each from one seed: nothing is lost, doubled, early or out of order in any of them."""

import os

import pytest

from tests.simulation.conftest import Live
from tests.simulation.lookout import Violated

SEED = int(os.environ.get("SIMULATION_SEED") or 0)
BLOCK, BLOCKS = 14, 10
pytestmark = pytest.mark.timeout(300)


async def holds(live_through: Live, seed: int) -> None:
    try:
        await live_through(seed)
    except Violated as violated:
        pytest.fail(f"{violated}\nSIMULATION_SEED={seed} .venv/bin/python -m pytest tests/simulation -k history_of_the_seed")


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_every_invariant_holds_after_every_step(live_through: Live, block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        await holds(live_through, seed)


async def test_the_history_of_the_seed(live_through: Live) -> None:
    await holds(live_through, SEED)


async def test_the_same_seed_gives_the_same_history(live_through: Live) -> None:
    digests = [(await live_through(seed)).digest() for seed in (1, 2, 1)]
    assert digests[0] == digests[2] != digests[1]
