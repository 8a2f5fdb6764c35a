"""Hundreds of histories, each from one seed: nothing is lost, doubled, early or out of order in any of them."""

import os
from collections import Counter
from typing import Any, TypeAlias

import pytest

from contracts.message import Message
from contracts.policies import GracePolicySet
from contracts.topics import BOOKING_COMMANDS
from tests import builders
from tests.simulation.acts import flow
from tests.simulation.conftest import Begin, Live
from tests.simulation.living import rest
from tests.simulation.lookout import Violated
from tests.simulation.met import met, required
from tests.simulation.world import BEGINNING

SEED = int(os.environ.get("SIMULATION_SEED") or 0)
BLOCK, BLOCKS = 20, 10
Lived: TypeAlias = dict[int, Counter[str]]
UNHURRIED: dict[str, Any] = {"effective_at": BEGINNING, "grace_hours": 48, "set_by": str(builders.ADMIN)}
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lived() -> Lived:
    """What was met in the histories lived through so far, by seed."""
    return {}


async def holds(live_through: Live, seed: int) -> Counter[str]:
    try:
        return met(await live_through(seed))
    except Violated as violated:
        pytest.fail(f"{violated}\nSIMULATION_SEED={seed} .venv/bin/python -m pytest tests/simulation -k history_of_the_seed")


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


async def test_a_scan_waits_for_the_policies_that_were_published_before_it(begin: Begin) -> None:
    async with begin(0) as history:
        begins, patient = history.world.instant, GracePolicySet(category="*", policy_version=1, **UNHURRIED)
        history.upstream.tell(builders.create(builders.BOOKING, booking_date=begins - 23 * builders.HOUR), begins)
        for _ in range(2):
            await flow(history)
        history.upstream.tell(Message("", "office", "*", begins, builders.ADMIN, patient), begins)
        history.world.instant += 2 * builders.HOUR
        await history.run("expiry", "scan")
    assert all(b"ExpireBooking" not in dict(record.headers)["ce_type"] for record in history.world.log.topic(BOOKING_COMMANDS.name))


async def test_rest_waits_for_what_the_last_loop_of_a_round_has_queued(begin: Begin) -> None:
    async with begin(0) as history:
        history.upstream.hurry(history.upstream.stories[0], history.world.instant)
        await history.drain("booking.commands")
        await rest(history)
    assert [letter.headers["x-dlq-reason"] for letter in history.lookout.topics["dead-letters.v1"]] == ["orphan"]
