"""Which process a pid means: pids are reused, a pid together with its start time is not."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POLL_SECONDS = 0.02
START_TIME = 18  # of the columns after the state in /proc/<pid>/stat


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of this machine, for ever."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the living process `pid`; a zombie is not living."""
        born = _born_linux(pid) if sys.platform == "linux" else _born_by_ps(pid)
        return cls(pid, born) if born else None

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self

    def signal(self, signum: signal.Signals) -> None:
        """Send `signum` unless the process is gone."""
        if self.alive():
            os.kill(self.pid, signum)

    def gone(self, within: float) -> bool:
        """Wait up to `within` seconds for the process to end."""
        deadline = time.monotonic() + within
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def working_in(folder: Path) -> list[int]:
    """Return the processes whose current folder is `folder`, as far as this system tells."""
    return [int(cwd.parent.name) for cwd in Path("/proc").glob("[0-9]*/cwd") if _leads_to(cwd, folder)]


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:
        return False


def _born_linux(pid: int) -> str | None:
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else rest[START_TIME]


def _born_by_ps(pid: int) -> str | None:
    state, _, born = _ps(pid, "state=,lstart=").partition(" ")
    return None if state.startswith("Z") else born.strip() or None


def _ps(pid: int, columns: str) -> str:
    try:
        done = subprocess.run(["ps", "-o", columns, "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 - where it lives differs
    except OSError:
        return ""
    return done.stdout.strip()
