"""`kill -9` of each process under load: nothing is lost, doubled or reordered, seen from outside."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.cli.known import SERVICES
from tests.eventually import eventually
from tests.faults.load import FATES, Ledger, person, story
from tests.faults.verdict import broken
from tests.platform import QUIET_SECONDS, Platform, started

BOOKINGS, PEOPLE = 120, 20
pytestmark = pytest.mark.timeout(400)
SERVERS = {"kafka": "kafka.Kafka", "postgres": "bin/postgres"}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Run one platform for all kills."""
    with started(tmp_path_factory.mktemp("platform")) as running:
        yield running


def introduce(platform: Platform, ledger: Ledger) -> None:
    """Have everybody known who will book or be booked."""
    people = [person(role) for role in ("customer", "provider") for _ in range(PEOPLE)]
    facts: list[Any] = [one["data"] for one in people]
    ledger.people = {one["id"]: one["email"] for one in facts}
    assert platform.publish(people).wait(60) == 0
    eventually(platform.quiet, within=QUIET_SECONDS, every=1.0)


def load(chance: random.Random, ledger: Ledger) -> list[dict[str, object]]:
    """Return the commands of bookings among those who are known."""
    people = list(ledger.people)
    cast = [(chance.choice(people[:PEOPLE]), chance.choice(people[PEOPLE:])) for _ in range(BOOKINGS)]
    return [line for pair in cast for line in story(ledger, chance, *pair, fates=(*FATES, "done"))]


def kept(platform: Platform, ledger: Ledger) -> bool:
    """Return whether every promise is, once everything is quiet; letters may take a moment after the events."""
    eventually(platform.quiet, within=QUIET_SECONDS, every=1.0)
    assert broken(platform.look(ledger)) == {}
    return True


@pytest.fixture(scope="module")
def ledger(platform: Platform) -> Ledger:
    """Keep one ledger for the whole run: later kills must not undo what earlier ones left."""
    known = Ledger()
    introduce(platform, known)
    return known


@pytest.mark.parametrize("victim", SERVICES)
def test_a_killed_service_loses_nothing_and_doubles_nothing(platform: Platform, ledger: Ledger, victim: str) -> None:
    lines = load(random.Random(victim), ledger)
    halves = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    first = platform.publish(halves[0])
    before = platform.running()[victim]
    platform.kill(victim)
    second = platform.publish(halves[1])
    assert (first.wait(60), second.wait(60)) == (0, 0)
    eventually(lambda: platform.running()[victim] not in {before, None}, within=30)
    eventually(lambda: kept(platform, ledger), within=QUIET_SECONDS, every=1.0)


@pytest.mark.parametrize("server", ["kafka", "postgres"])
def test_a_killed_server_loses_nothing_and_doubles_nothing(platform: Platform, ledger: Ledger, server: str) -> None:
    sending = platform.publish(load(random.Random(server), ledger))
    eventually(lambda: sending.poll() == 0, within=60)
    os.kill(server_pid(platform, server), signal.SIGKILL)
    eventually(lambda: kept(platform, ledger), within=QUIET_SECONDS, every=1.0)


def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_goes_on(tmp_path: Path) -> None:
    ledger = Ledger()
    with started(tmp_path) as platform:
        introduce(platform, ledger)
        assert platform.publish(load(random.Random(1), ledger)).wait(60) == 0
        pids = [*platform.running().values(), server_pid(platform, "kafka"), server_pid(platform, "postgres")]
        platform.supervisor.kill()
        eventually(lambda: not any(alive(pid) for pid in pids), within=30)
    with started(tmp_path) as again:
        eventually(lambda: kept(again, ledger), within=QUIET_SECONDS, every=1.0)


def server_pid(platform: Platform, server: str) -> int:
    """Return the pid of an embedded server, the supervisor's own child."""
    children = psutil.Process(platform.supervisor.pid).children()
    return next(child.pid for child in children if any(SERVERS[server] in word for word in child.cmdline()))


def alive(pid: int) -> bool:
    """Return whether a process runs, and is more than a corpse."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
