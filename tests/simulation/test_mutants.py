"""The simulation is tested itself: it notices every mistake of the list within a few seeds, by the invariant that is named for it."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.simulation.conftest import Begin, Live
from tests.simulation.invariants import ALWAYS, AT_REST
from tests.simulation.lookout import Violated
from tests.simulation.mutants import MUTANTS, Mutant

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
pytestmark = pytest.mark.timeout(300)


async def broken(live_through: Live, begin: Begin, mutant: Mutant) -> tuple[int, str] | None:
    """The first seed whose history goes wrong, and the invariant that does not hold then."""
    for seed in range(mutant.seeds):
        try:
            if mutant.through is None:
                await live_through(seed)
            else:
                async with begin(seed) as history:
                    await mutant.through(history)
        except Violated as violated:
            return seed, violated.invariant
    return None


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_noticed(live_through: Live, begin: Begin, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    mutant.make(monkeypatch, live_through.keywords["engines"])
    noticed = await broken(live_through, begin, mutant)
    assert noticed is not None, f"{name} was not noticed in {mutant.seeds} histories"
    assert noticed[1] in mutant.broken, noticed


@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS.values() if mutant.through])
async def test_without_its_mistake_the_history_of_a_mutant_is_sound(live_through: Live, begin: Begin, mutant: Mutant) -> None:
    assert await broken(live_through, begin, replace(mutant, seeds=1)) is None


def test_the_page_has_every_mutant_and_what_notices_it() -> None:
    rows = [
        f"| {name}{' *' * bool(mutant.through)} | {', '.join(f'`{broken}`' for broken in mutant.broken)} |"
        for name, mutant in MUTANTS.items()
    ]
    _, _, told = PAGE.read_text(encoding="utf-8").partition("| mistake | noticed by |\n|---|---|\n")
    assert told.partition("\n\n")[0].splitlines() == rows


def test_the_page_has_every_invariant() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not [check.__name__ for check in (*ALWAYS, *AT_REST) if f"`{check.__name__}`" not in page]
