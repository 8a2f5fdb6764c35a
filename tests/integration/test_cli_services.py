"""`sewa run`, `migrate` and `topics`, on servers that are there, empty, or wrong."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import TOPICS
from services.cli.known import SERVICES
from tests.integration.cli_process import NOBODY, running, sewa
from tests.servers import copied_database, outside_the_loop

NOWHERE = {"DATABASE_URL": f"postgresql://booking@{NOBODY}/booking", "KAFKA_BOOTSTRAP_SERVERS": NOBODY}


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with copied_database(postgres_url, "template1") as url:
        yield url


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


@pytest.mark.parametrize("name", ["booking", "expiry", "payments"])
def test_a_service_lets_those_go_first_that_matter_more(environment: dict[str, str], name: str) -> None:
    with running(name, environment) as process:
        niceness = os.getpriority(os.PRIO_PROCESS, process.pid)
    assert niceness == min(19, os.getpriority(os.PRIO_PROCESS, 0) + SERVICES[name].niceness)


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


@pytest.mark.parametrize("verb", [["migrate"], ["topics"], ["expiry", "run"], ["dead-letters", "list"]])
def test_a_verb_with_nothing_running_says_what_to_do(verb: list[str], tmp_path: Path) -> None:
    done = sewa({"SEWA_HOME": str(tmp_path)}, *verb)
    assert (done.code, done.out) == (1, "")
    assert done.err == "sewa: nothing is running here: start `sewa up`, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS\n"
