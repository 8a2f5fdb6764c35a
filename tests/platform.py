"""The whole platform as a user starts it: `sewa up` in a process of its own, on free ports and a folder of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from services.cli.known import SERVICES
from tests.eventually import eventually
from tests.faults.clock import Steps
from tests.faults.load import Ledger, write
from tests.faults.looking import Place, look
from tests.faults.sink import delivered
from tests.faults.trial import Trial
from tests.servers import free_ports

SEWA = str(Path(sys.executable).with_name("sewa"))
START_SECONDS = 120.0
QUIET_SECONDS = 120.0
STOP_SECONDS = 15.0
FROM_THE_HOST: Steps = ((0.0, 0.0),)


@dataclass(frozen=True)
class Platform:
    """A running `sewa up`."""

    home: Path
    environment: dict[str, str]
    supervisor: subprocess.Popen[bytes]

    def status(self) -> dict[str, Any]:
        """Return what `sewa status --json` prints."""
        done = subprocess.run([SEWA, "status", "--json"], env=self.environment, cwd=self.home, capture_output=True, check=False)
        status: dict[str, Any] = json.loads(done.stdout or "{}")
        return status

    def running(self) -> dict[str, int]:
        """Return the pids of the services by name."""
        return {p["name"]: p["pid"] for p in self.status().get("processes", [])}

    def metrics(self) -> str:
        """Return what all processes export, one after the other."""
        return _exported(self.status())

    def look(self, ledger: Ledger, clock: Steps = FROM_THE_HOST) -> Trial:
        """Read from outside what `ledger` is to be judged by."""
        status = self.status()
        endpoints = status["endpoints"]
        place = Place(endpoints["kafka"], endpoints["database"], lambda: ledger, partial(delivered, self.home / "mail"), clock)
        return asyncio.run(look(place, _exported(status)))

    def ready(self) -> bool:
        """Return whether every process says so."""
        return _ready(self.status())

    def quiet(self) -> bool:
        """Return whether nothing is left to do."""
        status = self.status()
        waiting = [*(status.get("lag") or {"unknown": 1}).values(), status["outbox"]["pending"], status["due"], status["parked"]]
        return _ready(status) and not any(waiting)

    def kill(self, name: str) -> None:
        """Kill a service's process as the kernel would when memory is short."""
        os.kill(self.running()[name], signal.SIGKILL)

    def publish(self, lines: list[dict[str, object]]) -> "subprocess.Popen[bytes]":
        """Begin to send lines, as an upstream service does."""
        path = self.home / f"{len(list(self.home.glob('*.jsonl')))}.jsonl"
        path.write_text(write(lines), encoding="utf-8")
        return subprocess.Popen([SEWA, "publish", str(path), "--json"], env=self.environment, cwd=self.home, stdout=subprocess.DEVNULL)


def _ready(status: dict[str, Any]) -> bool:
    processes = status.get("processes", [])
    return len(processes) >= len(SERVICES) and all(process["ready"] for process in processes)


def _exported(status: dict[str, Any]) -> str:
    return "".join(urlopen(f"http://127.0.0.1:{p['port']}/metrics").read().decode() for p in status["processes"])


@contextmanager
def started(home: Path, **settings: str) -> Iterator[Platform]:
    """Run the platform in `home`; it is stopped, within its 15 s, at the end."""
    home.chmod(0o755)
    names = ("POSTGRES", "KAFKA", *(service.upper() for service in SERVICES))
    ports = {f"SEWA_{name}_PORT": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    inherited = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"}}
    environment = {**inherited, "SEWA_HOME": str(home), "SEWA_TOPIC_PARTITIONS": "3", **ports, **settings}
    with (home / "up.log").open("wb") as log:
        up = subprocess.Popen([SEWA, "up"], env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        platform = Platform(home, environment, up)
        try:
            eventually(platform.ready, within=START_SECONDS, every=1.0)
            yield platform
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(STOP_SECONDS)
