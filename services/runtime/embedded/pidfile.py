"""Which process is whose child, on disk: so that the next start can clear up after a parent that was killed."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from services.runtime.embedded.identity import Identity
from services.runtime.errors import StartFailed

LEFTOVER_SECONDS = 12.0
KILLED_SECONDS = 5.0
DYING_SECONDS = 1.0  # a kill -9 just before takes effect a moment later


@dataclass(frozen=True, slots=True)
class PidFile:
    """`<home>/pid/<name>`: the process that runs as `name`, and its parent."""

    path: Path

    def write(self, pid: int) -> None:
        """Record the child `pid` of this process."""
        child, parent = Identity.of(pid), Identity.of(os.getpid())
        if child and parent:
            self.path.parent.mkdir(exist_ok=True)
            fresh = self.path.with_name(f".{self.path.name}")
            fresh.write_text(json.dumps({"process": asdict(child), "parent": asdict(parent)}))
            fresh.replace(self.path)

    def remove(self) -> None:
        """Forget the child."""
        self.path.unlink(missing_ok=True)

    def clear(self, signum: signal.Signals) -> None:
        """End the child that a dead parent left behind, with `signum` and at last by force. Raises StartFailed when its parent lives."""
        process, parent = self._read()
        if process and process.alive():
            if parent and not parent.gone(0.0 if parent.pid == os.getpid() else DYING_SECONDS):
                raise StartFailed(
                    f"{self.path.name} of {self.path.parents[1]} is already running under process {parent.pid}: stop that one first"
                )
            _end(process, signum, self.path.name)
        self.remove()

    def _read(self) -> tuple[Identity | None, Identity | None]:
        try:
            known = json.loads(self.path.read_text())
            return Identity(**known["process"]), Identity(**known["parent"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, None


def clear_services(home: Path) -> None:
    """End the services that a dead supervisor left behind in `home`: `<name>.<slot>` each. Raises StartFailed."""
    for path in sorted((home / "pid").glob("*.[0-9]*")):
        PidFile(path).clear(signal.SIGTERM)


def _end(process: Identity, signum: signal.Signals, name: str) -> None:
    try:
        process.signal(signum)
        if process.gone(LEFTOVER_SECONDS):
            return
        process.signal(signal.SIGKILL)
    except PermissionError as error:
        raise StartFailed(f"process {process.pid} ({name}) was left behind by another user: stop it first") from error
    if not process.gone(KILLED_SECONDS):
        raise StartFailed(f"process {process.pid} ({name}) was left behind and does not end: stop it first")
