"""A running embedded server: where it answers, whether it lives, how it stops."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.runtime.embedded.home import open_log, tail
from services.runtime.embedded.lifeline import dies_with_parent
from services.runtime.embedded.pidfile import PidFile
from services.runtime.errors import StartFailed

POLL_SECONDS = 0.02
READY_SECONDS = 90.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the parts of a running system answer; None for what it does not have."""

    database: str | None = None
    kafka: str | None = None
    valkey: str | None = None
    http: str | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: `uid` (and gid) to change to, and the signal that asks it to stop."""

    name: str
    argv: Sequence[str | Path]
    folder: Path
    log: Path
    stop_signal: signal.Signals
    uid: int | None = None

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process, in a session of its own so that Ctrl-C reaches only its parent."""
        with open_log(self.log) as log:
            return subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                user=self.uid,
                group=self.uid,
                extra_groups=None if self.uid is None else (),
                start_new_session=True,
                preexec_fn=dies_with_parent(self.stop_signal),  # noqa: PLW1509 - one system call
            )


class Server:
    """One server process of ours; `url` is where clients find it."""

    def __init__(self, url: str, launch: Launch, pid_file: PidFile, answers: Callable[[int], bool]) -> None:
        """Start it without waiting."""
        self.url, self._launch, self._pid_file = url, launch, pid_file
        self._answers = answers
        self.restart()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._launch.name

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def restart(self) -> None:
        """Start it again after it ended."""
        self._process = self._launch.spawn()
        self._pid_file.write(self._process.pid)

    def wait(self, within: float = READY_SECONDS) -> None:
        """Return when it answers. Raises StartFailed, with the end of its log, when it ends or stays silent for `within` seconds."""
        deadline = time.monotonic() + within
        while not (self.alive() and self._answers(self.pid)):
            if time.monotonic() > deadline:
                raise self._failed(f"did not answer within {within:.0f} s")
            if not self.alive():
                raise self._failed(f"ended with status {self._process.returncode} while starting")
            time.sleep(POLL_SECONDS)

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.poll()

    def ask(self) -> None:
        """Ask it to stop in good order."""
        if self.alive():
            self._process.send_signal(self._launch.stop_signal)

    def stop(self, within: float = STOP_SECONDS) -> None:
        """Stop it in good order, by force after `within` seconds."""
        self.ask()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within)
        self.kill()

    def kill(self) -> None:
        """End it at once; what it had acknowledged is recovered by the next start."""
        self._process.kill()
        self._process.wait()
        self._pid_file.remove()

    def _failed(self, how: str) -> StartFailed:
        self.stop()
        return StartFailed(f"{self.name} {how}. The end of {self._launch.log}:\n{tail(self._launch.log)}")


def started(server: Server) -> Server:
    """Wait for `server` and return it; it is stopped when the wait is broken off."""
    try:
        server.wait()
    except BaseException:
        server.stop()
        raise
    return server
