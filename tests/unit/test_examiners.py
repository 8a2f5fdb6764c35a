"""Whoever judges a run shares no code with what is judged, or both would be wrong together."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPLAY = {"contracts.actors", "contracts.message", "contracts.topics", "services.booking.state"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def leant_on(path: Path) -> set[str]:
    """The modules of the system that a file uses, or a file of the tests that it uses."""
    files, found = [path], set[str]()
    for file in files:
        names = set(imported(file))
        found |= {name for name in names if name.partition(".")[0] in {"contracts", "services"}}
        files += {ROOT / f"{name.replace('.', '/')}.py" for name in names if name.startswith("tests.")} - set(files)
    return found


@pytest.mark.parametrize(
    ("judge", "may"),
    [
        ("tests/faults/verdict.py", set[str]()),
        ("tests/faults/looking.py", set[str]()),
        ("tests/simulation/invariants.py", REPLAY),  # that replay gives what there is can only be asked of the replay
    ],
)
def test_a_judge_shares_no_code_with_the_system(judge: str, may: set[str]) -> None:
    assert leant_on(ROOT / judge) == may


def test_what_a_judge_leans_on_is_seen(tmp_path: Path) -> None:
    judge = tmp_path / "judge.py"
    judge.write_text("import services.booking\nfrom tests.platform import SEWA\n", encoding="utf-8")
    assert leant_on(judge) >= {"services.booking", "services.cli.known"}
