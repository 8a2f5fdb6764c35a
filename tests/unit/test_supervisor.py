"""Restarts, prefixes and run.json, without a process being run."""

import json
import os
import threading
from pathlib import Path

import pytest

from services.cli.child import prefixed
from services.cli.plan import Service, UpSettings
from services.cli.run_file import RunFile, Running, read_run
from services.cli.watch import Ends
from services.runtime.embedded import Endpoints
from services.runtime.embedded.home import held
from services.runtime.embedded.identity import Identity
from services.runtime.embedded.jars import locked_jars
from services.runtime.embedded.lifeline import dies_with_parent
from services.runtime.errors import Misconfigured, StartFailed

ENDPOINTS = Endpoints(database="postgresql://booking@127.0.0.1:1/booking", kafka="127.0.0.1:2")
BOOKING = Running("booking", 0, 42, 8101)


def delays(*lives: float) -> list[float]:
    ends, seen = Ends(), []
    for lived in lives:
        ends = ends.after(lived)
        seen.append(round(ends.delay, 6))
    return seen


def test_each_early_end_doubles_the_wait_up_to_ten_seconds() -> None:
    assert delays(*[1.0] * 8) == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_half_a_minute_of_life_begins_the_wait_anew() -> None:
    assert delays(1.0, 1.0, 29.9, 30.0, 1.0) == [0.2, 0.4, 0.8, 0.2, 0.4]


def test_the_wait_stays_bounded_after_very_many_ends() -> None:
    assert delays(*[0.0] * 5000)[-1] == 10.0


def test_lines_are_prefixed_with_their_process_and_line_up() -> None:
    assert prefixed("booking.0", "started", width=10) == "booking.0  | started"


def test_on_a_terminal_only_the_prefix_is_coloured() -> None:
    assert prefixed("booking.0", "started", width=9, colour=36) == "\033[36mbooking.0 |\033[0m started"


def test_run_json_tells_what_runs_where(tmp_path: Path) -> None:
    RunFile(tmp_path, ENDPOINTS, "/mail").write([BOOKING])
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "supervisor": os.getpid(),
        "processes": [{"name": "booking", "slot": 0, "pid": 42, "port": 8101}],
        "endpoints": {"database": ENDPOINTS.database, "kafka": ENDPOINTS.kafka, "valkey": None, "http": None},
        "mail_dir": "/mail",
        "settings": {},
    }


def test_run_json_counts_only_while_its_supervisor_holds_the_home(tmp_path: Path) -> None:
    with held(tmp_path):
        RunFile(tmp_path, ENDPOINTS, None).write([BOOKING])
        known = read_run(tmp_path)
        assert known is not None
        assert known["processes"][0]["pid"] == 42
    assert read_run(tmp_path) is None


def test_a_second_supervisor_on_a_home_is_told_of_the_first(tmp_path: Path) -> None:
    with held(tmp_path), pytest.raises(StartFailed, match=f"another `sewa up` runs .*process {os.getpid()}"), held(tmp_path):
        pass


def test_copies_get_slots_and_ports_in_order() -> None:
    specs = Service("booking", 8101).specs({"SEWA_BOOKING_COPIES": "3", "SEWA_BOOKING_PORT": "9000"}, argv=["run"])
    assert [(spec.label, spec.port, spec.env["SEWA_SLOT"]) for spec in specs] == [
        ("booking.0", 9000, "0"),
        ("booking.1", 9001, "1"),
        ("booking.2", 9002, "2"),
    ]
    assert specs[2].argv == ["run", "booking"]


@pytest.mark.parametrize("copies", ["many", "-1", "1.5", "1000"])
def test_a_wrong_number_of_copies_names_its_setting(copies: str) -> None:
    with pytest.raises(Misconfigured, match="SEWA_BOOKING_COPIES"):
        Service("booking", 8101).specs({"SEWA_BOOKING_COPIES": copies})


def test_a_wrong_setting_of_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEWA_POSTGRES_PORT", "lots")
    with pytest.raises(Misconfigured, match="SEWA_POSTGRES_PORT"):
        UpSettings.load()


def test_a_process_is_known_by_its_start_and_not_by_its_pid_alone() -> None:
    me = Identity.of(os.getpid())
    assert me is not None
    assert me.alive()
    assert not Identity(os.getpid(), "another start").alive()


def test_a_child_is_never_tied_to_a_thread_that_will_end() -> None:
    failures: list[str] = []

    def tie() -> None:
        try:
            dies_with_parent(2)  # type: ignore[arg-type]
        except RuntimeError as error:
            failures.append(str(error))

    thread = threading.Thread(target=tie)
    thread.start()
    thread.join()
    assert "main thread" in failures[0]


def test_the_lock_lists_each_jar_once_with_its_checksum() -> None:
    jars = locked_jars()
    assert len({jar.filename for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert "kafka-clients-4.1.1.jar" in {jar.filename for jar in jars}
