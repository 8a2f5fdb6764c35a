"""`sewa status`: its numbers, and what it says while parts of the system are away."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.ids import new_id
from contracts.topics import BOOKING_COMMANDS, DEAD_LETTERS
from services.cli.run_file import RunFile, Running
from services.runtime.embedded import Endpoints
from services.runtime.embedded.home import held
from services.runtime.outbox import Outgoing
from tests.integration.cli_process import NOBODY, send, sewa

KEYS = {"processes", "lag", "outbox", "due", "dead_letters", "parked", "rates", "endpoints", "mail_dir"}
UNKNOWN_OUTBOX, UNKNOWN_RATES = {"pending": None, "oldest_seconds": None}, {"completion": None, "auto_cancellation": None}
FIGURES = """
    insert into booking.figure_{} select 'standings', array['2026-11-20', standing, 'NPR'], number, 1500
    from (values {}) as f (standing, number)"""
DEADLINES = """
    create table expiry.all_deadlines partition of expiry.deadlines default;
    insert into expiry.deadlines (booking, version, status, category, booking_date, created_at, expires_at, dated_by)
    select gen_random_uuid(), 2, 'pending', 'plumbing', '2026-11-18T06:00Z', '2026-11-18T06:00Z', at::timestamptz, ''
    from unnest(array['2026-11-20T05:59:59Z', '2026-11-20T06:00Z', '2026-11-20T06:00:01Z', null]) as at"""


def execute(database_url: str, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def commit(kafka: str, group: str, offset: int) -> None:
    """Let `group` have read so many records of the first partition of commands."""

    async def run() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
        await consumer.start()
        place = TopicPartition(BOOKING_COMMANDS.name, 0)
        consumer.assign([place])
        await consumer.commit({place: offset})
        await consumer.stop()

    asyncio.run(run())


def status(environment: dict[str, str]) -> dict[str, Any]:
    done = sewa(environment, "status", "--json")
    assert (done.code, done.err) == (0, "")
    shown: dict[str, Any] = done.json
    return shown


@contextmanager
def ready_port() -> Iterator[int]:
    """A port on which somebody says that all is well."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Ready)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_an_idle_system_has_exactly_these_keys(environment: dict[str, str]) -> None:
    shown = status(environment)
    assert shown.keys() == KEYS
    assert shown["outbox"] == {"pending": 0, "oldest_seconds": 0.0}
    assert shown["rates"] == UNKNOWN_RATES
    assert (shown["due"], shown["dead_letters"], shown["parked"], shown["processes"]) == (0, 0, 0, [])
    assert shown["endpoints"] == {
        "database": environment["DATABASE_URL"],
        "kafka": environment["KAFKA_BOOTSTRAP_SERVERS"],
        "valkey": None,
        "http": None,
    }


def test_rates_count_what_ended_and_round_half_up(environment: dict[str, str]) -> None:
    totals = FIGURES.format("totals", "('completed', 1), ('expired', 2), ('cancelled', 2), ('pending', 2)")
    deltas = FIGURES.format("deltas (series, labels, number, amount)", "('completed', 1), ('maintenance', 1), ('expired', -1)")
    execute(environment["DATABASE_URL"], totals, deltas)
    assert status(environment)["rates"] == {"completion": "33.33", "auto_cancellation": "16.67"}


def test_what_waits_in_the_database_is_counted(environment: dict[str, str]) -> None:
    queued = "insert into {}.outbox (topic, queued_at) select 'booking.events.v1', clock_timestamp() - interval '{} s'"
    parked = "insert into booking.parked values (default, gen_random_uuid(), now(), 'booking.commands.v1', 0, 0, 0, '[]', '')"
    execute(environment["DATABASE_URL"], queued.format("booking", 100), queued.format("notifier", 200), parked)
    shown = status(environment)
    assert shown["outbox"]["pending"] == 2
    assert 200 <= shown["outbox"]["oldest_seconds"] < 260
    assert shown["parked"] == 1


def test_due_is_counted_by_the_business_clock(environment: dict[str, str], tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("2026-11-20T06:00:00Z")
    execute(environment["DATABASE_URL"], DEADLINES)
    assert status({**environment, "SEWA_CLOCK_FILE": str(clock)})["due"] == 2


def test_lag_is_what_our_groups_have_not_committed(environment: dict[str, str]) -> None:
    kafka = environment["KAFKA_BOOTSTRAP_SERVERS"]
    send(kafka, [Outgoing(0, BOOKING_COMMANDS.name, str(new_id()).encode(), [], b"{}") for _ in range(50)])
    commit(kafka, "booking.commands", 3)
    commit(kafka, "somebody.else", 1)
    lag = status(environment)["lag"]
    assert lag["booking.commands"] == 47
    assert "somebody.else" not in lag


def test_dead_letters_are_counted(environment: dict[str, str]) -> None:
    send(environment["KAFKA_BOOTSTRAP_SERVERS"], [Outgoing(0, DEAD_LETTERS.name, b"key", [], b"{}")] * 2)
    assert status(environment)["dead_letters"] == 2


def test_an_absent_kafka_is_unknown_and_the_rest_is_shown(environment: dict[str, str]) -> None:
    shown = status({**environment, "KAFKA_BOOTSTRAP_SERVERS": NOBODY})
    assert (shown["lag"], shown["dead_letters"]) == (None, None)
    assert (shown["due"], shown["outbox"]["pending"]) == (0, 0)


def test_an_absent_database_is_unknown_and_the_rest_is_shown(environment: dict[str, str]) -> None:
    elsewhere = {**environment, "DATABASE_URL": f"postgresql://booking:secret@{NOBODY}/booking"}
    shown = status(elsewhere)
    assert (shown["outbox"], shown["due"], shown["parked"], shown["rates"]) == (UNKNOWN_OUTBOX, None, None, UNKNOWN_RATES)
    assert shown["dead_letters"] == 0
    for_people = sewa(elsewhere, "status").out
    assert f"{NOBODY}/booking" in for_people
    assert "secret" not in for_people
    assert "\033" not in for_people


def test_nothing_running_is_said_and_is_exit_code_1(tmp_path: Path) -> None:
    done = sewa({"SEWA_HOME": str(tmp_path)}, "status", "--json")
    assert done.code == 1
    assert done.err == "sewa: nothing is running here: start `sewa up`, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS\n"
    assert done.json.keys() == KEYS
    assert set(done.json["endpoints"].values()) == {None}


def test_no_server_that_answers_is_exit_code_1(tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": f"postgresql://{NOBODY}/booking", "KAFKA_BOOTSTRAP_SERVERS": NOBODY, "SEWA_HOME": str(tmp_path)}
    done = sewa(nowhere, "status")
    assert done.code == 1
    assert "PostgreSQL at" in done.err
    assert "Apache Kafka at" in done.err


def test_the_processes_of_sewa_up_are_probed(tmp_path: Path) -> None:
    run_file = RunFile(tmp_path, Endpoints(f"postgresql://{NOBODY}/booking", NOBODY), "/mail")
    with held(tmp_path), ready_port() as port:
        processes = [Running("booking", 0, os.getpid(), port), Running("expiry", 0, None, port), Running("notifier", 0, os.getpid(), 1)]
        run_file.write(processes)
        shown = status({"SEWA_HOME": str(tmp_path)})
    assert [(p["name"], p["slot"], p["ready"]) for p in shown["processes"]] == [
        ("booking", 0, True),
        ("expiry", 0, False),
        ("notifier", 0, False),
    ]
    assert (shown["endpoints"]["kafka"], shown["mail_dir"]) == (NOBODY, "/mail")
    assert shown["processes"][0].keys() == {"name", "slot", "pid", "port", "ready"}


@pytest.mark.parametrize("name", ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"])
def test_an_environment_that_names_another_system_is_not_mixed_with_sewa_up(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    with held(tmp_path):
        RunFile(tmp_path, Endpoints("postgresql://elsewhere/booking", "elsewhere:9092"), "/mail").write([Running("booking", 0, 1, 1)])
        shown = status({"SEWA_HOME": str(tmp_path), name: environment[name]})
    assert (shown["processes"], shown["mail_dir"]) == ([], None)
    assert sorted(place for place in shown["endpoints"].values() if place) == [environment[name]]
