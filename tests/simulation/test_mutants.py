"""The simulation is tested itself: it notices every mistake of the list within a few seeds, by the invariant that is named for it."""

import pytest

from tests.simulation.conftest import Live
from tests.simulation.lookout import Violated
from tests.simulation.mutants import MUTANTS

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_noticed(live_through: Live, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    mutant.make(monkeypatch, live_through.keywords["engines"])  # type: ignore[attr-defined]
    for seed in range(mutant.seeds):
        try:
            await live_through(seed)
        except Violated as violated:
            print(f"{name}: seed {seed}, {violated.invariant}, {str(violated)[:200]}")
            assert violated.invariant in mutant.broken
            return
    pytest.fail(f"{name} was not noticed in {mutant.seeds} histories")
