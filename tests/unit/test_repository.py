"""The repository stands alone: its commands are listed, CI runs them, and nothing points at somebody's machine."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(MAKEFILE.split(".PHONY: ")[1].splitlines()[0].split())
IGNORED = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split())]
SOMEBODYS_FOLDER = re.compile(r"(?<![\w.}-])/(?:root|work|Users)/\w")

SKIPPED = {
    "mark": "import pytest\n@pytest.mark.skip\ndef test_it(): pass",
    "file": "import pytest\npytest.skip('all of it', allow_module_level=True)",
    "call": "import pytest\ndef test_it(): pytest.skip('now')",
    "fixture": "import pytest\n@pytest.fixture\ndef server(): pytest.skip('none')\ndef test_it(server): pass",
}


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([\w-]+) +\S", shown, re.MULTILINE) == re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)
    assert set(re.findall(r"^  make ([\w-]+)", shown, re.MULTILINE)) == TARGETS


def test_ci_runs_make_check_and_that_runs_the_tests() -> None:
    ci = ROOT / ".ci" / "run"
    assert os.access(ci, os.X_OK)
    assert "make check" in ci.read_text(encoding="utf-8").splitlines()
    assert "test" in MAKEFILE.split("\ncheck: ")[1].split("##")[0].split()


def test_make_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)make ([\w-]+)", readme, re.MULTILINE)) <= TARGETS


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert {path: found for path, text in texts() if (found := SOMEBODYS_FOLDER.findall(text))} == {}


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed, 3 errors"), ("", "4 skipped")])
def test_a_skipped_test_fails_in_ci_only(ci: str, outcome: str, tmp_path: Path) -> None:
    for name, code in SKIPPED.items():
        (tmp_path / f"test_{name}.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    options = ["-p", "tests.conftest", "-c", os.devnull, "--rootdir", str(tmp_path), "--continue-on-collection-errors"]
    argv = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    run = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert f"= {outcome} in " in run.stdout


def texts() -> Iterator[tuple[str, str]]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not ignored(name)]
        for path in (Path(folder) / name for name in files if not ignored(name)):
            content = path.read_bytes()
            if b"\0" not in content:
                yield path.relative_to(ROOT).as_posix(), content.decode(errors="replace")


def ignored(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in IGNORED)
