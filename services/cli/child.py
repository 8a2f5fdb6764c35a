"""One operating-system process of a service, seen from its supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.runtime.embedded.lifeline import dies_with_parent
from services.runtime.embedded.pidfile import PidFile

READ_BYTES = 65_536
LONGEST_LINE = 1_000_000
COLOURS = (36, 32, 35, 33, 34, 96, 92, 95, 93, 94)

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How one copy of a service is started; `slot` is stable, `port` is where it serves its health."""

    name: str
    slot: int
    argv: Sequence[str]
    env: Mapping[str, str]
    port: int = 0

    @property
    def label(self) -> str:
        """What its lines begin with."""
        return f"{self.name}.{self.slot}"


class Child:
    """Runs `spec`, again and again if need be, and hands every line that it prints to `say`."""

    def __init__(self, spec: ProcessSpec, home: Path, say: Say) -> None:
        """Do not start yet; `home` keeps its pid."""
        self.spec, self.name, self.last_line = spec, spec.label, ""
        self._say, self._rest = say, b""
        self._pid_file = PidFile(home / "pid" / spec.label)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        return self._process.pid if self._process else None

    @property
    def output(self) -> int | None:
        """The file descriptor that its lines are read from, None when no more will come."""
        pipe = self._process.stdout if self._process else None
        return pipe.fileno() if pipe and not pipe.closed else None

    def restart(self) -> None:
        """Start it, in a group of its own so that Ctrl-C reaches only the supervisor; a session of its own would make niceness void."""
        self._process = subprocess.Popen(
            self.spec.argv,
            env=dict(self.spec.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            process_group=0,
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )
        if self._process.stdout:
            os.set_blocking(self._process.stdout.fileno(), False)
        self._pid_file.write(self._process.pid)

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.poll() if self._process else 0

    def ask(self) -> None:
        """Ask it to finish what it has begun and to stop."""
        if self._process:
            self._process.terminate()

    def kill(self) -> None:
        """End it and whatever it started, and pass its last lines on."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while self.pass_output():
            pass
        if self._rest:
            self._pass_line(self._rest)
        self._close()
        self._process, self._rest = None, b""
        self._pid_file.remove()

    def pass_output(self) -> bool:
        """Hand on the lines that have come by now; return whether there may be more."""
        chunk = self._read()
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._pass_line(line)
        return bool(chunk)

    def _read(self) -> bytes:
        if self.output is None:
            return b""
        try:
            chunk = os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return b""
        if not chunk:
            self._close()
        return chunk

    def _close(self) -> None:
        if self._process and self._process.stdout:
            self._process.stdout.close()

    def _pass_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self.last_line = text or self.last_line
        self._say(self.name, text)


def prefixed(label: str, line: str, width: int, colour: int | None = None) -> str:
    """Return `line` as the terminal shows it, after its process's label."""
    head = f"{label:<{width}} |"
    return f"\033[{colour}m{head}\033[0m {line}" if colour else f"{head} {line}"


def to_terminal(labels: Sequence[str]) -> Say:
    """Return a Say that prints prefixed lines, on a terminal in one colour for each of `labels`; a reader that has gone is fine."""
    width = max(map(len, labels), default=0)
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    colours = {label: COLOURS[at % len(COLOURS)] for at, label in enumerate(labels)} if coloured else {}

    def say(label: str, line: str) -> None:
        with suppress(OSError):
            print(prefixed(label, line, width, colours.get(label)), flush=True)

    return say
