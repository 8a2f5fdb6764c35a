"""Loops go on: a failed round is tried again, one that has more work follows at once, and only a halt ends them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from services.runtime.errors import Halt
from services.runtime.health import Health
from services.runtime.loops import Loop, patiently, pause
from services.runtime.retry import Backoff
from tests.builders import NOW

AT_ONCE = Backoff(first=0.0)
HOUR = 3600.0


class Frozen:
    """Business time stands still."""

    def now(self) -> datetime:
        return NOW


@dataclass
class Rounds:
    """A step that does one thing after another, and at last stops its loop."""

    answers: list[bool | Exception]
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[datetime] = field(default_factory=list)

    async def __call__(self, now: datetime) -> bool:
        self.seen.append(now)
        answer = self.answers.pop(0)
        if not self.answers:
            self.stopping.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def rounds(*answers: bool | Exception, every: float = 0.0) -> tuple[Rounds, Health]:
    """Run a loop through these rounds."""
    step, health = Rounds(list(answers)), Health()
    async with asyncio.timeout(10):
        await Loop("tidy", every, step, Frozen(), health, AT_ONCE).run(step.stopping)
    return step, health


async def test_a_step_is_given_the_business_instant() -> None:
    step, _ = await rounds(False)
    assert step.seen == [NOW]


async def test_a_step_that_has_more_follows_at_once() -> None:
    step, _ = await rounds(True, True, False, every=HOUR)
    assert len(step.seen) == 3


async def test_a_failed_round_is_tried_again_and_counts_as_no_progress() -> None:
    step, health = await rounds(ValueError("once"), OSError("twice"))
    assert len(step.seen) == 2
    assert health.stale() == ["tidy"]


async def test_a_round_that_succeeds_is_progress() -> None:
    _, health = await rounds(ValueError("once"), False)
    assert health.stale() == []
    assert health.patience["tidy"] == 30.0


async def test_a_halt_ends_the_loop() -> None:
    with pytest.raises(Halt, match="no further"):
        await rounds(Halt("no further"), False)


async def test_stopping_ends_the_wait_between_two_rounds() -> None:
    step = Rounds([False])
    async with asyncio.timeout(10):
        await Loop("tidy", HOUR, step, Frozen(), Health()).run(step.stopping)
    assert step.answers == []


async def test_a_pause_lasts_no_longer_than_asked() -> None:
    stopping = asyncio.Event()
    async with asyncio.timeout(10):
        await pause(stopping, 0.01)
        stopping.set()
        await pause(stopping, HOUR)


def failing(*errors: Exception) -> tuple[Callable[[], Any], list[Exception]]:
    """A step that raises each of these once."""
    left = list(errors)

    async def step() -> None:
        if left:
            raise left.pop(0)

    return step, left


async def test_patience_outlasts_transient_failures() -> None:
    step, left = failing(OSError("down"))
    assert await patiently("database", step, asyncio.Event())
    assert left == []


@pytest.mark.parametrize("error", [ValueError("ours"), Halt("no schema")])
async def test_patience_ends_at_what_waiting_does_not_mend(error: Exception) -> None:
    step, _ = failing(error)
    with pytest.raises(type(error), match=str(error)):
        await patiently("database", step, asyncio.Event())


async def test_patience_ends_when_the_process_stops() -> None:
    stopping = asyncio.Event()
    stopping.set()
    step, left = failing(OSError("down"))
    assert not await patiently("database", step, stopping)
    assert len(left) == 1
