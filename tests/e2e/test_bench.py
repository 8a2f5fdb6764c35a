"""The benchmarks run on tiny numbers: what they measure is another matter, that they count the outcome is tested here."""

import json
import subprocess
import sys
from typing import Any


def measured(*arguments: str) -> Any:
    """The line that `sewa bench` prints."""
    command = (sys.executable, "-m", "services.cli", "bench", *arguments)
    run = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_what_lapses_is_counted_on_a_platform_of_its_own() -> None:
    line = measured("expiry", "--due", "20", "--open", "30")
    assert (line["bench"], line["due"], line["open"], line["verified"]) == ("expiry", 20, 30, True)
    assert 0 < line["events_seconds"] <= line["seconds"]


def test_what_is_requested_is_counted_and_copies_are_not() -> None:
    line = measured("ingest", "--commands", "40", "--copies", "--core")
    assert (line["bench"], line["commands"], line["verified"]) == ("ingest", 40, True)
    assert 0 < line["sending_seconds"] <= line["seconds"]


def test_every_letter_is_timed_from_the_deadline_of_its_booking() -> None:
    line = measured("latency", "--rate", "10", "--seconds", "3")
    assert (line["bench"], line["verified"]) == ("latency", True)
    assert 0 < line["p50"] <= line["p99"]


def test_the_scan_is_timed_on_every_size() -> None:
    line = measured("scan", "--open", "2e3,4e3", "--rounds", "2")
    assert (line["open"], line["verified"]) == ([2000, 4000], True)
    assert {size: (line["batch_ms"][size]["times"], line["idle_ms"][size]["times"]) for size in ("2000", "4000")} == {
        "2000": (4, 2),
        "4000": (4, 2),
    }


def test_a_policy_that_changes_is_followed_by_every_open_booking() -> None:
    line = measured("redate", "--open", "2000")
    assert (line["bench"], line["open"], line["verified"]) == ("redate", 2000, True)
    assert line["seconds"] > 0
    assert 0 < line["emitted"] < 2000
