"""Servers and services as real processes, with a proxy before each server, and hands on all of them."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.request import urlopen

import psutil

from services.runtime.embedded import Server, start_kafka, start_postgres
from services.runtime.embedded.lifeline import dies_with_parent
from tests.faults import wire
from tests.faults.clock import ClockFile
from tests.faults.plan import SERVICES
from tests.faults.proxy import Proxy
from tests.faults.sink import Sink
from tests.servers import free_ports

UP = (str(Path(sys.executable).with_name("sewa")), "up")
REPOSITORY = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS, LINGER = 180.0, 20.0, 0.3
POLL = 0.2
BEHIND_SECONDS = 3 * 24 * 3600.0


@dataclass
class Armed:
    """The next time that `service` reaches `point`, it dies there."""

    service: str
    point: str
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Stage:
    """What runs; `points` counts how often each point was passed or died at."""

    home: Path
    servers: dict[str, Server] = field(default_factory=dict)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    armed: list[Armed] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)
    environment: dict[str, str] = field(default_factory=dict)

    @cached_property
    def clock(self) -> ClockFile:
        """Business time, far behind the host's: whoever mistakes one for the other is early."""
        clock = ClockFile(self.home / "clock")
        clock.put(-BEHIND_SECONDS)
        return clock

    @property
    def database(self) -> str:
        """PostgreSQL itself, past the proxy."""
        return self.servers["postgres"].url

    @property
    def kafka(self) -> str:
        """Apache Kafka, whose clients all go through the proxy."""
        return f"127.0.0.1:{self.proxies['kafka'].port}"

    @property
    def letters(self) -> Path:
        """What the mail server took."""
        return self.home / "letters.txt"

    def processes(self) -> list[dict[str, int | str | None]]:
        """Return what the supervisor says that runs: `name, slot, pid, port`."""
        try:
            known: list[dict[str, int | str | None]] = json.loads((self.home / "run.json").read_text())["processes"]
        except (OSError, ValueError):
            return []
        return known

    def pids(self, service: str, slot: int = -1) -> list[int]:
        """Return the processes of a service, or the one in `slot`."""
        return [int(p["pid"]) for p in self.processes() if p["name"] == service and slot in {-1, p["slot"]} and p["pid"]]

    def signal(self, pid: int, signum: signal.Signals) -> bool:
        """Send a signal; whether there was somebody to get it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)
            return True
        return False

    def ready(self) -> bool:
        """Whether every process says so."""
        known = self.processes()
        return bool(known) and all(p["pid"] and _answers(f"http://127.0.0.1:{p['port']}/health/ready") for p in known)

    def metrics(self) -> str:
        """Return what all processes export, one after the other. Raises OSError."""
        return "".join(urlopen(f"http://127.0.0.1:{p['port']}/metrics", timeout=10).read().decode() for p in self.processes())

    async def reached(self, speaker: tuple[str, int], port: int, points: set[str]) -> bool:
        """Kill who speaks from `port` if its service was to die at one of `points`, once it fell silent; whether it is dead."""
        self.points.update(f"{point} {speaker[0]}" for point in points)
        trap = next((a for a in self.armed if a.service == speaker[0] and a.point in points), None)
        if trap is None:
            return False
        self.armed.remove(trap)
        try:
            await self._spring(trap, port)
        finally:
            if not trap.sprung.is_set():  # whoever reached the point is dead already, perhaps of another fault
                self.armed.append(trap)
        return trap.sprung.is_set()

    async def _spring(self, trap: Armed, port: int) -> None:
        if pid := await asyncio.to_thread(_whose, port, self.pids(trap.service)):
            await asyncio.sleep(LINGER)
            if self.signal(pid, signal.SIGKILL):
                trap.sprung.set()


def _whose(port: int, pids: Sequence[int]) -> int | None:
    """Return which of these processes has a connection from `port`; somebody who is gone has none."""
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            if any(c.laddr.port == port for c in psutil.Process(pid).net_connections("tcp4")):
                return pid
    return None


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@asynccontextmanager
async def staged(home: Path, copies: Mapping[str, int], argv: Sequence[str] = UP) -> AsyncIterator[Stage]:
    """Start everything in `home` and yield it ready; `argv` is what starts the services. Raises StartFailed, TimeoutError."""
    await asyncio.to_thread(home.chmod, 0o755)  # PostgreSQL changes its user when root starts it
    stage = Stage(home)
    async with AsyncExitStack() as stack:
        sink = await Sink(stage.letters).start()
        stack.callback(sink.close)
        for place, ear in (("postgres", wire.Postgres), ("kafka", wire.Kafka), ("smtp", wire.Smtp)):
            stage.proxies[place] = proxy = Proxy(ear, stage.reached)
            await proxy.start()
            stack.push_async_callback(proxy.stop)
        stage.servers["postgres"] = start_postgres(home)
        stack.callback(stage.servers["postgres"].stop)
        stage.servers["kafka"] = start_kafka(home, advertised=stage.proxies["kafka"].port)
        stack.callback(stage.servers["kafka"].stop)
        for place, server in stage.servers.items():
            stage.proxies[place].target = int(server.url.rpartition(":")[2].partition("/")[0])
        stage.proxies["smtp"].target = sink.sockets[0].getsockname()[1]
        stage.environment = _environment(stage, copies)
        await _start_services(stage, argv, stack)
        yield stage


def _environment(stage: Stage, copies: Mapping[str, int]) -> dict[str, str]:
    ports = {f"SEWA_{name.upper()}_PORT": str(port) for name, port in zip(SERVICES, free_ports(len(SERVICES)), strict=True)}
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("SEWA_") or k in {"SEWA_CACHE", "SEWA_MAVEN_URL"}},
        **ports,
        **{f"SEWA_{name.upper()}_COPIES": str(number) for name, number in copies.items()},
        "DATABASE_URL": f"postgresql://booking@127.0.0.1:{stage.proxies['postgres'].port}/booking",
        "KAFKA_BOOTSTRAP_SERVERS": stage.kafka,
        "SEWA_SMTP_URL": f"smtp://127.0.0.1:{stage.proxies['smtp'].port}",
        "SEWA_HOME": str(stage.home),
        "SEWA_ENV": "test",
        "SEWA_CLOCK_FILE": str(stage.clock.path),
        "SEWA_TOPIC_PARTITIONS": "3",
        "PGSSLMODE": "disable",
        "PYTHONPATH": str(REPOSITORY),
    }


def _spawned(stage: Stage, argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    with (stage.home / "up.log").open("wb") as log:
        tie = dies_with_parent(signal.SIGTERM)
        return subprocess.Popen(argv, env=stage.environment, cwd=stage.home, stdout=log, stderr=subprocess.STDOUT, preexec_fn=tie)  # noqa: PLW1509 - one system call


async def _start_services(stage: Stage, argv: Sequence[str], stack: AsyncExitStack) -> None:
    supervisor = _spawned(stage, argv)
    stack.push_async_callback(_stop, supervisor)
    async with asyncio.timeout(START_SECONDS):
        while not await asyncio.to_thread(stage.ready):
            if supervisor.poll() is not None:
                raise RuntimeError(f"the services ended while starting: {(stage.home / 'up.log').read_text()[-2000:]}")
            await asyncio.sleep(POLL)


async def _stop(supervisor: "subprocess.Popen[bytes]") -> None:
    """Let the services drain while the proxies still pass bytes on."""
    supervisor.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(asyncio.to_thread(supervisor.wait), STOP_SECONDS)
    except TimeoutError:
        supervisor.kill()
