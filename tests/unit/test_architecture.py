"""Who may import what, and who may look at the host's clock. The rules of imports stand in pyproject.toml; here they are seen to bite."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

SIDE_BY_SIDE = "services never import each other, and runtime knows none of them"
CONTRACTS = "contracts import Pydantic only"
PURE = "rules are pure: no input, no output, no clock, no chance"
STORE = "store holds SQL: no FastStream, no handlers, no settings"
HANDLERS = "handlers take messages and return messages: no FastStream, no settings"
COMMAND_LINE = "the command line reaches services through their app, http and reports"

VIOLATIONS = [
    ("services/runtime/clock.py", "import services.booking.store", SIDE_BY_SIDE),
    ("services/expiry/store.py", "from services.booking import state", SIDE_BY_SIDE),
    ("services/notifier/app.py", "import services.cli", SIDE_BY_SIDE),
    ("services/unheard_of/__init__.py", "", SIDE_BY_SIDE),
    ("contracts/ids.py", "import structlog", CONTRACTS),
    ("contracts/values.py", "from services.runtime import clock", CONTRACTS),
    ("services/booking/lifecycle.py", "from sqlalchemy import text", PURE),
    ("services/booking/state.py", "import asyncio", PURE),
    ("services/expiry/grace.py", "import time", PURE),
    ("services/expiry/grace.py", "from services.runtime.clock import HostClock", PURE),
    ("services/notifier/letters.py", "import logging", PURE),
    ("services/directory/slots.py", "import time", PURE),
    ("services/directory/suggestions.py", "import sqlalchemy", PURE),
    ("services/payments/policy.py", "import time", PURE),
    ("services/payments/reactions.py", "from services.payments import store", PURE),
    ("services/booking/errors.py", "import structlog", PURE),
    ("services/booking/store.py", "from services.booking.settings import BookingSettings", STORE),
    ("services/expiry/store.py", "from faststream.kafka import KafkaBroker", STORE),
    ("services/notifier/handlers.py", "import faststream", HANDLERS),
    ("services/booking/handlers.py", "from services.booking.settings import BookingSettings", HANDLERS),
    ("services/cli/app.py", "from services.booking import store", COMMAND_LINE),
    ("services/cli/directory.py", "from services.directory import store", COMMAND_LINE),
]

HOST_CLOCK_READERS = {
    "contracts/ids.py": "new ids carry the instant at which they were made",
    "services/cli/demo/show.py": "the play begins on the evening of today",
    "services/cli/publication.py": "how far an id lies in the future",
    "services/expiry/redating.py": "how long a pass takes, for people",
    "services/expiry/running.py": "the same as a scan",
    "services/expiry/sweep.py": "response times are the host's",
    "services/runtime/clock.py": "it is what business time comes from",
    "services/runtime/deadletters.py": "when a record was buried, for people",
    "services/runtime/process.py": "tables are partitioned by ids, which carry the host's time",
    "services/runtime/worker.py": "how far an id lies in the future",
}
MEASURING = "services/cli/bench/"
CLOCK_CALLS = {"datetime": {"now", "today", "utcnow"}, "date": {"today"}, "time": {"time", "time_ns"}}
ACTS = {"begin", "commit", "publish", "rollback", "send"}


def test_the_tree_keeps_every_rule_of_imports() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(("path", "line", "rule"), VIOLATIONS)
def test_a_planted_import_breaks_its_rule(path: str, line: str, rule: str, tmp_path: Path) -> None:
    copy_sources(tmp_path)
    planted = tmp_path / path
    planted.parent.mkdir(exist_ok=True)
    with planted.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    linted = lint_imports(tmp_path)
    assert linted.returncode == 1
    assert f"{rule} BROKEN" in linted.stdout


def test_only_these_files_look_at_the_clock_of_the_host() -> None:
    readers = {path for path in sources() if not path.startswith(MEASURING) and any(map(reads_clock, ast.walk(parsed(path))))}
    assert readers == HOST_CLOCK_READERS.keys()


@pytest.mark.parametrize(
    "text", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "f(clock=time.time)", "from time import time_ns", "date.today()"]
)
def test_a_look_at_the_clock_is_seen(text: str) -> None:
    assert any(reads_clock(node) for node in ast.walk(ast.parse(text)))


def test_handlers_and_stores_neither_commit_nor_publish() -> None:
    files = [path for path in sources() if path.endswith(("/handlers.py", "/store.py"))]
    assert {f"{path}: {name}" for path in files for name in methods_called(path) if name in ACTS} == set()


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def copy_sources(folder: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("contracts", "services"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))


def sources() -> Iterator[str]:
    for package in ("contracts", "services"):
        yield from (path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py"))


def parsed(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def reads_clock(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return "host_now" in names or (node.module == "time" and bool(CLOCK_CALLS["time"] & names))
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return node.attr in CLOCK_CALLS.get(name, set())


def methods_called(path: str) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
