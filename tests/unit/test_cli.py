"""What the verbs of `sewa` decide and print, apart from any server."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError
from sqlalchemy.exc import OperationalError

from services.cli.app import VERBS
from services.cli.burials import readable
from services.cli.endpoints import adopt, reach, without_password
from services.cli.output import console, explained, printable
from services.cli.publication import BadLine, Report
from services.cli.run_file import RunFile
from services.runtime.embedded import Endpoints
from services.runtime.embedded.home import held
from services.runtime.errors import Halt

HERE = Endpoints("postgresql://booking@127.0.0.1:1/booking", "127.0.0.1:2")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on which `sewa up` may run; the environment and the logs are put back afterwards."""
    monkeypatch.setenv("SEWA_HOME", str(tmp_path))
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "VALKEY_URL", "SEWA_CLOCK_FILE"):
        monkeypatch.setenv(name, "")
    yield tmp_path
    logging.disable(logging.NOTSET)
    structlog.reset_defaults()


def sewa(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "services.cli", *arguments], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split())


def test_help_names_every_verb_without_loading_any() -> None:
    shown = sewa("--help")
    assert all(f" {verb} " in shown for verb in VERBS)


def test_help_of_up_names_the_folder_and_the_servers_that_it_can_use() -> None:
    shown = sewa("up", "--help")
    assert all(name in shown for name in ("SEWA_HOME", "DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"))


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (Report({"topic": 2}), 0),
        (Report({"topic": 2}, [BadLine(3, "schema")]), 1),
        (Report({}, [BadLine(1, "schema")]), 2),
        (Report(), 2),
        (Report({"topic": 2}, failure="Apache Kafka does not answer"), 2),
    ],
)
def test_publish_ends_with_0_for_all_1_for_some_and_2_for_nothing_or_broken_off(report: Report, code: int) -> None:
    assert report.exit_code == code


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, {"value": None, "encoding": None}),
        ("नल".encode(), {"value": "नल", "encoding": "utf-8"}),
        (b"\xff", {"value": "/w==", "encoding": "base64"}),
    ],
)
def test_bytes_are_shown_as_text_or_as_base64(value: bytes | None, shown: dict[str, str | None]) -> None:
    assert readable(value) == shown


def test_what_could_command_a_terminal_is_escaped() -> None:
    assert printable("नल\n\033]0;owned\a\r\u202e") == "नल\n\\x1b]0;owned\\x07\\r\\u202e"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Halt("do this"), "do this"),
        (KafkaConnectionError("gone"), "Apache Kafka: KafkaConnectionError: gone"),
        (OperationalError("select", None, Exception("the disk\nis full")), "PostgreSQL: the disk is full"),
        (ConnectionRefusedError(111, "refused"), "[Errno 111] refused"),
        (KeyError("a mistake of ours"), None),
    ],
)
def test_what_a_user_can_do_something_about_is_one_line(error: Exception, message: str | None) -> None:
    assert explained(error) == message


def test_a_pipe_is_as_wide_as_needed_and_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert console().width > 1000
    assert not console().is_terminal


def test_a_password_is_not_shown() -> None:
    assert without_password("postgresql://booking:secret@host:5432/booking") == "postgresql://booking:***@host:5432/booking"


def test_verbs_find_the_sewa_up_of_this_folder(home: Path) -> None:
    with held(home):
        RunFile(home, HERE, "/mail").write([])
        assert adopt()["mail_dir"] == "/mail"
    assert (os.environ["DATABASE_URL"], os.environ["KAFKA_BOOTSTRAP_SERVERS"]) == (HERE.database, HERE.kafka)


def test_verbs_share_the_settings_that_sewa_up_was_started_with(home: Path) -> None:
    with held(home):
        (home / "run.json").write_text(json.dumps({"endpoints": asdict(HERE), "settings": {"SEWA_CLOCK_FILE": "/clock"}}))
        assert reach("database").clock_file == Path("/clock")


def test_what_a_killed_sewa_up_left_is_not_believed(home: Path) -> None:
    with held(home):
        RunFile(home, HERE, None).write([])
    assert adopt() == {}
    with pytest.raises(Halt, match="nothing is running here: start `sewa up`"):
        reach("database")


def test_half_a_system_is_said_to_lack_the_other_half(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    with held(home):
        RunFile(home, HERE, None).write([])
        assert reach("kafka").kafka == "elsewhere:9092"
        with pytest.raises(Halt, match="DATABASE_URL is not set: set it too"):
            reach("database")
