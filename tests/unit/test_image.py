"""The image and the package that is installed in it: everything that a service needs is inside."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
DOCKERFILE = (ROOT / "ops/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COPIED = [source for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]]
IGNORE = (ROOT / "ops/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
FINAL = DOCKERFILE.rpartition("\nFROM ")[2]


def test_the_image_is_built_from_what_the_package_is_built_from() -> None:
    project = PROJECT["project"]
    assert set(COPIED) == {"pyproject.toml", "uv.lock", project["readme"], *project["license-files"], *WHEEL}
    assert all((ROOT / source).exists() for source in COPIED)


def test_nothing_else_is_sent_to_the_engine() -> None:
    assert IGNORE[1] == "*"
    assert {line.removeprefix("!") for line in IGNORE if line.startswith("!")} == set(COPIED)


def test_the_same_uv_builds_the_image_as_makes_the_environment() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"astral-sh/uv:(\S+)", DOCKERFILE) == re.findall(r"^UV +:= (\S+)$", makefile, re.MULTILINE)


def test_the_lock_is_kept_and_development_stays_out() -> None:
    syncs = re.findall(r"uv sync .*", DOCKERFILE)
    assert len(syncs) == 2
    assert all("--frozen $WITHOUT" in sync for sync in syncs)
    assert '"--no-dev ' in DOCKERFILE


def test_the_image_runs_as_the_user_that_compose_names() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    user = compose["services"]["booking"]["user"]
    assert re.findall(r"^USER (\S+)$", FINAL, re.MULTILINE) == [user]
    assert f"--uid {user} " in FINAL


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the package, built as an installer builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, capture_output=True, check=True)
    with ZipFile(next(folder.glob("*.whl"))) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_every_file_of_the_packages_is_in_the_wheel(wheel: set[str]) -> None:
    files = {path for package in WHEEL for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert wheel == {path.relative_to(ROOT).as_posix() for path in files}


@pytest.mark.parametrize(
    "pattern", [r"/templates/.+\.(j2|html|txt)$", r"/migrations/versions/.+\.py$", r"\.mako$", r"/schemas/.+\.json$", r"\.lock$"]
)
def test_what_is_no_python_module_is_in_the_wheel_too(pattern: str, wheel: set[str]) -> None:
    assert any(re.search(pattern, name) for name in wheel)
