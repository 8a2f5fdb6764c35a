"""Hundreds of histories, each from one seed: nothing is lost, doubled, early or out of order in any of them."""

import os
from collections import Counter
from typing import TypeAlias

import pytest

from tests.simulation.conftest import Begin, Live
from tests.simulation.living import rest
from tests.simulation.met import met, required

SEED = int(os.environ.get("SIMULATION_SEED") or 0)
BLOCK, BLOCKS = 20, 10
Lived: TypeAlias = dict[int, Counter[str]]
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lived() -> Lived:
    """What was met in the histories lived through so far, by seed."""
    return {}


async def holds(live_through: Live, seed: int) -> Counter[str]:
    try:
        return met(await live_through(seed))
    except BaseException as failure:  # a time-out included
        failure.add_note(f"To repeat: SIMULATION_SEED={seed} .venv/bin/python -m pytest tests/simulation -k history_of_the_seed")
        raise


@pytest.mark.parametrize("block", range(BLOCKS))
async def test_every_invariant_holds_after_every_step(live_through: Live, lived: Lived, block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        lived[seed] = await holds(live_through, seed)


async def test_the_histories_meet_every_message_answer_act_and_fault(live_through: Live, lived: Lived) -> None:
    for seed in set(range(BLOCK * BLOCKS)) - lived.keys():
        lived[seed] = await holds(live_through, seed)
    total = sum(lived.values(), Counter())
    assert not {what for what in required() if not total[what]}


async def test_the_history_of_the_seed(live_through: Live) -> None:
    await holds(live_through, SEED)


async def test_the_same_seed_gives_the_same_history(live_through: Live) -> None:
    digests = [(await live_through(seed)).digest() for seed in (1, 2, 1)]
    assert digests[0] == digests[2] != digests[1]


async def test_rest_waits_for_what_the_last_loop_of_a_round_has_queued(begin: Begin) -> None:
    async with begin(0) as history:
        history.upstream.hurry(history.upstream.stories[0], history.world.instant)
        await history.drain("booking.commands")
        await rest(history)
    assert [letter.headers["x-dlq-reason"] for letter in history.lookout.topics["dead-letters.v1"]] == ["orphan"]
