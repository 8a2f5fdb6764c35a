"""A platform of the demo's own: `sewa up` in a new folder, on free ports, with a clock that the demo moves."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contracts.values import instant_text
from services.cli.greeting import is_ready
from services.cli.known import SERVICES
from services.cli.plan import copies_of
from services.cli.run_file import read_run
from services.runtime.clock import FileClock
from services.runtime.embedded.home import tail
from services.runtime.embedded.lifeline import dies_with_parent
from services.runtime.embedded.ports import BELOW_EPHEMERAL, claim_port
from services.runtime.errors import StartFailed

SEWA = (sys.executable, "-P", "-m", "services.cli")
OURS = ("SEWA_", "AUTO_CANCEL_", "DATABASE_", "KAFKA_", "VALKEY_")
KEPT = ("SEWA_CACHE", "SEWA_MAVEN_URL")
START_SECONDS = 180.0
STOP_SECONDS = 20.0
LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Stage:
    """A running platform, and its clock."""

    home: Path
    database: str
    kafka: str
    clock: FileClock
    services: tuple[str, ...] = tuple(SERVICES)

    @property
    def mail(self) -> Path:
        """The folder of its e-mails."""
        return self.home / "mail"

    def move_clock(self, to: datetime) -> None:
        """Let it be `to` for all services within a second; time flows on from there."""
        set_clock(self.home, to)


def set_clock(home: Path, to: datetime) -> Path:
    """Write the clock file by rename, and return it."""
    fresh = home / ".clock"
    fresh.write_text(f"{instant_text(to)} running\n", encoding="utf-8")
    return fresh.rename(home / "clock")


@contextmanager
def staged(opens: datetime, waiting: Callable[[str], object], settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Run a platform whose business clock begins at `opens`, with `settings` of its own; `waiting` is told how the start goes.

    Raises StartFailed.
    """
    with own_folder() as home:
        clock = set_clock(home, opens)
        chosen = settings or {}
        services = tuple(name for name in SERVICES if chosen.get(copies_of(name)) != "0")
        with _running(home, {**environment(home, clock), **chosen}) as up:
            yield _opened(home, clock, services, up, waiting)


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="sewa-demo-"))
    home.chmod(0o755)  # PostgreSQL changes its user when root starts it
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def environment(home: Path, clock: Path) -> dict[str, str]:
    """Return what `sewa up` is started with: none of the user's own settings but where downloads are kept."""
    ports = {f"SEWA_{name.upper()}_PORT": str(port) for name, port in zip(("POSTGRES", "KAFKA", *SERVICES), _ports(), strict=False)}
    inherited = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(OURS)}
    return {**inherited, "SEWA_HOME": str(home), "SEWA_CLOCK_FILE": str(clock), "SEWA_TOPIC_PARTITIONS": "3", **ports}


def _ports() -> Iterator[int]:
    for port in random.sample(BELOW_EPHEMERAL, len(BELOW_EPHEMERAL)):
        try:
            yield claim_port(port, "another")
        except StartFailed:
            continue


@contextmanager
def _running(home: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with (home / "up.log").open("wb") as log:
        up = subprocess.Popen(
            (*SEWA, "up"),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )
    try:
        yield up
    finally:
        up.terminate()
        try:
            up.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()


def _opened(home: Path, clock: Path, services: tuple[str, ...], up: "subprocess.Popen[bytes]", waiting: Callable[[str], object]) -> Stage:
    deadline = time.monotonic() + START_SECONDS
    while up.poll() is None and time.monotonic() < deadline:
        record = read_run(home)
        if record and len(record["processes"]) >= len(services) and all(is_ready(process["port"]) for process in record["processes"]):
            return Stage(home, record["endpoints"]["database"], record["endpoints"]["kafka"], FileClock(clock), services)
        line = tail(home / "up.log", 1).strip()
        waiting("" if "|" in line else line)
        time.sleep(LOOK_EVERY)
    message = f"the platform did not start; it said at last:\n{tail(home / 'up.log')}"
    raise StartFailed(message)
