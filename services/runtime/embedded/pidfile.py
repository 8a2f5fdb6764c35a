"""What is known on disk about a child: which process it is and whose, so that the next start can clear up after a parent that was killed."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from services.runtime.embedded.identity import Identity
from services.runtime.errors import StartFailed

LEFTOVER_SECONDS = 12.0
KILLED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PidFile:
    """`<home>/pid/<name>`: the process that runs as `name`, and its parent."""

    path: Path

    def write(self, pid: int) -> None:
        """Record the child `pid` of this process."""
        child, parent = Identity.of(pid), Identity.of(os.getpid())
        if child and parent:
            self.path.parent.mkdir(exist_ok=True)
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps({"process": asdict(child), "parent": asdict(parent)}))
            fresh.replace(self.path)

    def remove(self) -> None:
        """Forget the child."""
        self.path.unlink(missing_ok=True)

    def clear(self, signum: signal.Signals) -> None:
        """End the child that a dead parent left behind, with `signum` and at last by force. Raises StartFailed when its parent lives."""
        process, parent = self._read()
        if process and process.alive():
            if parent and parent.alive():
                message = f"{self.path.name} of {self.path.parents[1]} is already running under process {parent.pid}: stop that one first"
                raise StartFailed(message)
            _end(process, signum, self.path.name)
        self.remove()

    def _read(self) -> tuple[Identity | None, Identity | None]:
        try:
            known = json.loads(self.path.read_text())
            return Identity(**known["process"]), Identity(**known["parent"])
        except (OSError, ValueError, KeyError, TypeError):
            return None, None


def _end(process: Identity, signum: signal.Signals, name: str) -> None:
    try:
        process.signal(signum)
        if process.gone(LEFTOVER_SECONDS):
            return
        process.signal(signal.SIGKILL)
    except PermissionError as error:
        message = f"process {process.pid} ({name}) was left behind by another user: stop it first"
        raise StartFailed(message) from error
    if not process.gone(KILLED_SECONDS):
        message = f"process {process.pid} ({name}) was left behind and does not end: stop it first"
        raise StartFailed(message)
