"""`up` as its user sees it: what it starts, restarts, says and leaves behind; the services here are tiny stand-ins."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.eventually import eventually
from tests.servers import free_ports

UP = """
import sys
from services.cli.plan import Service
from services.cli.up import up
from services.runtime.errors import StartFailed
port, code = int(sys.argv[1]), sys.argv[2]
try:
    up([Service("booking", port)], lambda env: print("prepared", env["DATABASE_URL"], flush=True), argv=[sys.executable, "-c", code])
except StartFailed as error:
    sys.exit(str(error))
"""
SLEEPER = "import signal; print('working', flush=True); signal.pause()"
DRAINS = """
import signal, sys
def drain(*_):
    print('drained', flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, drain)
print('working', flush=True)
signal.pause()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('working', flush=True)\nwhile True: signal.pause()"
PARENT = "import signal, subprocess, sys; subprocess.Popen(['sleep', '1000']); print('working', flush=True); signal.pause()"
WRONG = "import sys; print('SEWA_NONSENSE: expected sense'); sys.exit(78)"
CHATTY = "print('x' * 3_000_000, flush=True); import signal; print('working', flush=True); signal.pause()"
READY = """
import http.server, os, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/health/ready' else 404)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(os.environ['TEST_PORT']) + int(os.environ['SEWA_SLOT'])), Ready).serve_forever()
"""


class Up:
    """A running `up`, its output and what its run.json says."""

    def __init__(self, home: Path, code: str, **environ: str) -> None:
        self.home, self.output = home, home.with_suffix(".out")
        port = free_ports(1)[0]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", UP, str(port), code],
                env={**os.environ, "SEWA_HOME": str(home), "TEST_PORT": str(port), **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.family: list[psutil.Process] = []

    def said(self) -> str:
        return self.output.read_text()

    def says(self, text: str, within: float = 60.0) -> str:
        return eventually(lambda: self.said() if text in self.said() else "", within)

    def run(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        return known

    def pid(self) -> int:
        return int(self.run()["processes"][0]["pid"])

    def send(self, signum: signal.Signals) -> None:
        """Send a signal, after noting everything that runs."""
        self.family = self.family or psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signum)

    def stop(self, signum: signal.Signals) -> float:
        """Send a signal, wait for the end, and return how long it took."""
        began = time.monotonic()
        self.send(signum)
        self.process.wait(20.0)
        return time.monotonic() - began

    def left(self) -> list[psutil.Process]:
        return [process for process in self.family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(code: str, **environ: str) -> Up:
        """Run `code` as the service `booking`, on servers that are said to be elsewhere unless told otherwise."""
        elsewhere = {"DATABASE_URL": "postgresql://elsewhere/booking", "KAFKA_BOOTSTRAP_SERVERS": "elsewhere:9092"}
        started.append(Up(tmp_path / "home", code, **{**elsewhere, **environ}))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@contextmanager
def embedded() -> Iterator[dict[str, str]]:
    yield {
        "DATABASE_URL": "",
        "KAFKA_BOOTSTRAP_SERVERS": "",
        "SEWA_POSTGRES_PORT": str(free_ports(1)[0]),
        "SEWA_KAFKA_PORT": str(free_ports(1)[0]),
    }


def test_up_starts_the_servers_prepares_greets_and_stops_without_a_trace(start: Callable[..., Up]) -> None:
    with embedded() as environ:
        up = start(READY, SEWA_BOOKING_COPIES="2", **environ)
        said = up.says("SewaBazaar is up")
        assert f"prepared postgresql://booking@127.0.0.1:{environ['SEWA_POSTGRES_PORT']}/booking" in said
        assert up.run()["endpoints"]["kafka"] == f"127.0.0.1:{environ['SEWA_KAFKA_PORT']}"
        assert [process["slot"] for process in up.run()["processes"]] == [0, 1]
        assert up.stop(signal.SIGTERM) < 15.0
    assert len(up.family) > 4
    assert up.left() == []
    assert up.process.returncode == 0
    assert not (up.home / "run.json").exists()


def test_a_start_right_after_kill_9_succeeds(start: Callable[..., Up]) -> None:
    with embedded() as environ:
        first = start(READY, **environ)
        first.says("SewaBazaar is up")
        first.family = psutil.Process(first.process.pid).children(recursive=True)
        first.process.kill()
        second = start(READY, **environ)
        eventually(lambda: second.run()["supervisor"] == second.process.pid, within=30.0)
        assert first.left() == []
        second.stop(signal.SIGINT)
    assert second.left() == []


def test_named_servers_are_used_and_none_is_started(start: Callable[..., Up]) -> None:
    up = start(SLEEPER)
    up.says("booking.0 | working")
    assert up.run()["endpoints"]["database"] == "postgresql://elsewhere/booking"
    assert [child.pid for child in psutil.Process(up.process.pid).children()] == [up.pid()]


def test_services_share_a_session_within_which_niceness_counts(start: Callable[..., Up]) -> None:
    up = start(SLEEPER)
    up.says("working")
    assert os.getsid(up.pid()) == os.getsid(up.process.pid)
    assert os.getpgid(up.pid()) != os.getpgid(up.process.pid)


def test_what_dies_is_started_again_in_its_slot(start: Callable[..., Up]) -> None:
    up = start(SLEEPER)
    up.says("working")
    first = up.pid()
    os.kill(first, signal.SIGKILL)
    up.says("ended with status -9; starting it again in 0.2 s")
    assert eventually(lambda: up.pid() not in {first, None})
    assert up.run()["processes"][0]["slot"] == 0


def test_a_wrong_setting_of_a_service_stops_everything_with_its_message(start: Callable[..., Up]) -> None:
    up = start(WRONG)
    assert up.process.wait(20) == 1
    assert "booking.0 cannot run with these settings: SEWA_NONSENSE: expected sense" in up.said()


def test_services_are_given_the_time_to_drain(start: Callable[..., Up]) -> None:
    up = start(DRAINS)
    up.says("working")
    up.stop(signal.SIGTERM)
    assert "booking.0 | drained" in up.said()


def test_a_second_signal_kills_what_does_not_want_to_stop(start: Callable[..., Up]) -> None:
    up = start(STUBBORN)
    up.says("working")
    up.send(signal.SIGINT)
    up.says("stopping")
    assert up.stop(signal.SIGINT) < 5.0
    assert up.left() == []


def test_what_a_service_started_ends_with_it(start: Callable[..., Up]) -> None:
    up = start(PARENT)
    up.says("working")
    up.stop(signal.SIGTERM)
    assert len(up.family) == 2
    assert up.left() == []


def test_a_line_of_three_megabytes_does_not_block_its_process(start: Callable[..., Up]) -> None:
    assert re.search(r"^booking\.0 \| x+$", start(CHATTY).says("working"), re.MULTILINE)


def test_services_die_with_a_killed_supervisor(start: Callable[..., Up]) -> None:
    up = start(SLEEPER)
    up.says("working")
    service = psutil.Process(up.pid())
    up.process.kill()
    assert eventually(lambda: not service.is_running() or service.status() == psutil.STATUS_ZOMBIE)


def test_a_second_up_on_the_same_home_is_refused(start: Callable[..., Up]) -> None:
    first = start(SLEEPER)
    first.says("working")
    second = start(SLEEPER)
    assert second.process.wait(20) == 1
    assert f"another `sewa up` runs on {first.home} (process {first.process.pid})" in second.said()


def test_a_taken_port_is_said_plainly(start: Callable[..., Up]) -> None:
    with embedded() as environ, socket.create_server(("127.0.0.1", int(environ["SEWA_POSTGRES_PORT"]))):
        up = start(SLEEPER, **environ)
        assert up.process.wait(20) == 1
    assert up.said() == f"port {environ['SEWA_POSTGRES_PORT']} on 127.0.0.1 is taken by another program: set SEWA_POSTGRES_PORT\n"


def test_a_taken_port_of_a_service_is_said_before_anything_starts(start: Callable[..., Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        up = start(SLEEPER, SEWA_BOOKING_PORT=str(taken.getsockname()[1]))
        assert up.process.wait(20) == 1
    assert up.said().endswith("is taken by another program: set SEWA_BOOKING_PORT\n")
