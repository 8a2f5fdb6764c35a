"""`sewa run`, `migrate`, `topics` and `expiry run`, on servers that are there, empty, or wrong."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts.ids import new_id
from contracts.topics import TOPICS
from contracts.values import instant_text
from services.cli.greeting import is_ready
from services.cli.known import SERVICES
from services.runtime.outbox import outgoing
from tests.builders import NOW, create
from tests.eventually import eventually
from tests.integration.cli_process import NOBODY, SEWA, send, sewa
from tests.servers import copied_database, outside_the_loop

NOWHERE = {"DATABASE_URL": f"postgresql://booking@{NOBODY}/booking", "KAFKA_BOOTSTRAP_SERVERS": NOBODY}
DUE = """
    insert into expiry.deadlines (booking, version, status, category, booking_date, created_at, expires_at, dated_by)
    values ($1, 2, 'pending', 'plumbing', '2026-01-01T06:00Z', '2026-01-01T06:00Z', '2026-01-02T06:00Z', '')"""


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with copied_database(postgres_url, "template1") as url:
        yield url


@contextmanager
def running(service: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a service, ready, and at last told to stop."""
    process = subprocess.Popen([SEWA, "run", service], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: is_ready(int(environment[f"SEWA_{service.upper()}_PORT"])), within=60)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def make_due(database_url: str) -> str:
    """Put a booking into the deadline index that has lapsed."""
    booking = new_id()

    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("create table expiry.all_deadlines partition of expiry.deadlines default")
        await connection.execute(DUE, booking)
        await connection.close()

    asyncio.run(run())
    return str(booking)


def test_a_wrong_setting_is_named_and_is_exit_code_78() -> None:
    done = sewa({**NOWHERE, "SEWA_BATCH": "many", "SEWA_SLOT": "-1"}, "run", "booking")
    assert (done.code, done.out) == (os.EX_CONFIG, "")
    assert "SEWA_BATCH: " in done.err
    assert "SEWA_SLOT: " in done.err
    assert len(done.err.splitlines()) == 1


def test_a_clock_file_in_production_is_a_wrong_setting(tmp_path: Path) -> None:
    done = sewa({**NOWHERE, "SEWA_ENV": "production", "SEWA_CLOCK_FILE": str(tmp_path / "clock")}, "run", "notifier")
    assert done.code == os.EX_CONFIG
    assert "SEWA_CLOCK_FILE is refused" in done.err


def test_an_unknown_service_is_a_usage_error_that_lists_the_known_ones() -> None:
    done = sewa(NOWHERE, "run", "tea")
    assert (done.code, done.err) == (2, f"sewa: there is no service 'tea'; known are {', '.join(SERVICES)}\n")


def test_a_service_runs_in_the_foreground_until_sigterm(environment: dict[str, str]) -> None:
    with running("booking", environment) as process:
        assert process.poll() is None
    assert process.returncode == 0


def test_a_service_on_a_database_without_its_schema_says_what_to_do(environment: dict[str, str], empty_database: str) -> None:
    done = sewa({**environment, "DATABASE_URL": empty_database}, "run", "expiry")
    assert done.code == 1
    assert "run `sewa migrate`" in done.err.splitlines()[-1]


def test_migrate_says_from_where_to_where_and_then_that_there_is_nothing_to_do(empty_database: str) -> None:
    first = sewa({"DATABASE_URL": empty_database}, "migrate", "--json")
    assert first.code == 0
    assert {step["schema"]: step["before"] for step in first.json} == dict.fromkeys(SERVICES)
    again = sewa({"DATABASE_URL": empty_database}, "migrate")
    assert [line.split()[1:3] for line in again.out.splitlines()] == [["already", "at"]] * len(SERVICES)


def test_migrate_without_a_database_is_said_plainly() -> None:
    done = sewa(NOWHERE, "migrate")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"sewa: PostgreSQL at {NOWHERE['DATABASE_URL']}: ")
    assert len(done.err.splitlines()) == 1


def test_topics_creates_what_is_missing_and_lists_all(environment: dict[str, str]) -> None:
    async def remove(kafka: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.delete_topics(["directory.events.v1"])
        await admin.close()

    outside_the_loop(remove, environment["KAFKA_BOOTSTRAP_SERVERS"])
    listed = {topic.pop("topic"): topic for topic in sewa(environment, "topics", "--json").json}
    assert listed.keys() == {topic.name for topic in TOPICS}
    assert listed["directory.events.v1"] == {"partitions": 3, "retention_ms": None, "compacted": True, "created": True}
    assert listed["booking.commands.v1"] == {"partitions": 3, "retention_ms": 604_800_000, "compacted": False, "created": False}


def test_what_is_due_is_listed_and_left_alone_in_a_dry_run(environment: dict[str, str]) -> None:
    booking = make_due(environment["DATABASE_URL"])
    listed = sewa(environment, "expiry", "run", "--dry-run", "--json").json
    assert (listed["dry_run"], listed["found"], listed["emitted"]) == (True, 1, 0)
    assert listed["due"] == [{"booking": booking, "expires_at": "2026-01-02T06:00:00Z", "status": "pending", "category": "plumbing"}]
    for_people = sewa(environment, "auto-cancel-expired-bookings", "--dry-run")
    assert for_people.code == 0
    assert booking in for_people.out


def test_a_run_by_hand_cancels_what_is_due_and_waits_for_the_answer(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(instant_text(NOW))
    settings = {**environment, "SEWA_CLOCK_FILE": str(tmp_path / "clock"), "AUTO_CANCEL_ENABLED": "false"}
    with running("booking", settings), running("expiry", settings):
        send(environment["KAFKA_BOOTSTRAP_SERVERS"], [outgoing(create(new_id()))])
        eventually(lambda: sewa(settings, "status", "--json").json["due"] == 1, within=60)
        done = sewa({**settings, "AUTO_CANCEL_ENABLED": "true"}, "expiry", "run", "--json")
    assert done.code == 0
    assert [done.json[name] for name in ("found", "emitted", "cancelled", "rejected", "unanswered")] == [1, 1, 1, 0, 0]


def test_nothing_due_is_no_failure(environment: dict[str, str]) -> None:
    done = sewa(environment, "expiry", "run", "--json")
    assert done.code == 0
    assert [done.json[name] for name in ("found", "emitted", "cancelled", "rejected", "unanswered")] == [0] * 5


def test_a_disabled_auto_cancel_is_said_and_is_exit_code_1(environment: dict[str, str]) -> None:
    done = sewa({**environment, "AUTO_CANCEL_ENABLED": "false"}, "expiry", "run")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("sewa: AUTO_CANCEL_ENABLED is false")


@pytest.mark.parametrize("verb", [["migrate"], ["topics"], ["expiry", "run"], ["dead-letters", "list"]])
def test_a_verb_with_nothing_running_says_what_to_do(verb: list[str], tmp_path: Path) -> None:
    done = sewa({"SEWA_HOME": str(tmp_path)}, *verb)
    assert (done.code, done.out) == (1, "")
    assert done.err == "sewa: nothing is running here: start `sewa up`, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS\n"
