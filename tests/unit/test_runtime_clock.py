"""Business time from a file: frozen or running, followed within 100 ms, never going back."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PosixPath
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.runtime.clock import FileClock, HostClock, business_clock, read_clock_file
from services.runtime.errors import Misconfigured

HOST = 1_800_000_000.0
SIX = datetime(2026, 11, 20, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Host:
    """The host's clock, moved by hand; its steady one moves along."""

    seconds: float = HOST

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """A clock on a file that is replaced by rename, as it is in use."""

    path: Path
    host: Host

    def write(self, text: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        os.utime(fresh, (self.host.seconds, self.host.seconds))
        fresh.replace(self.path)

    def clock(self, text: str) -> FileClock:
        self.write(text)
        return FileClock(self.path, self.host, self.host)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "clock", Host())


def test_a_frozen_clock_stands_still(bench: Bench) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z\n")
    bench.host.seconds += 3600
    assert clock.now() == SIX


def test_a_running_clock_flows_from_the_moment_the_file_was_written(bench: Bench) -> None:
    bench.write("2026-11-20T06:00:00Z running")
    bench.host.seconds += 90
    late = FileClock(bench.path, bench.host, bench.host)
    assert late.now() == SIX + 90 * SECOND
    bench.host.seconds += 0.25
    assert late.now() == SIX + 90.25 * SECOND


def test_a_file_that_is_replaced_while_it_is_read_runs_from_its_own_moment(bench: Bench) -> None:
    class Overtaken(PosixPath):
        def open(self, *args: Any, **kwargs: Any) -> Any:
            file = super().open(*args, **kwargs)
            bench.host.seconds += 60
            bench.write("2026-11-20T09:00:00Z")
            return file

    bench.write("2026-11-20T06:00:00Z running")
    assert read_clock_file(Overtaken(bench.path)).at(HOST + 90) == SIX + 90 * SECOND


def test_two_processes_that_start_apart_agree(bench: Bench) -> None:
    first = bench.clock("2026-11-20T06:00:00Z running")
    bench.host.seconds += 12.5
    assert FileClock(bench.path, bench.host, bench.host).now() == first.now()


def test_a_running_clock_on_a_file_from_the_hosts_future_has_not_begun_to_run(bench: Bench) -> None:
    bench.write("2026-11-20T06:00:00Z running")
    bench.host.seconds -= 60
    clock = FileClock(bench.path, bench.host, bench.host)
    assert clock.now() == SIX
    bench.host.seconds += 61
    assert clock.now() == SIX + SECOND


def test_a_new_instant_is_seen_after_a_tenth_of_a_second(bench: Bench) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z")
    bench.write("2026-11-20T07:00:00Z")
    bench.host.seconds += 0.09
    assert clock.now() == SIX
    bench.host.seconds += 0.02
    assert clock.now() == SIX + 3600 * SECOND


def test_an_earlier_instant_is_ignored_and_logged_once(bench: Bench) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z")
    bench.write("2026-11-20T05:59:59Z")
    with capture_logs() as lines:
        for _ in range(3):
            bench.host.seconds += 1
            assert clock.now() == SIX
    assert [line["problem"] for line in lines] == ["goes back to 2026-11-20T05:59:59+00:00, ignored"]


def test_freezing_a_running_clock_at_what_it_showed_does_not_go_back(bench: Bench) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z running")
    bench.host.seconds += 10
    assert clock.now() == SIX + 10 * SECOND
    bench.write("2026-11-20T06:00:10Z")
    bench.host.seconds += 60
    assert clock.now() == SIX + 10 * SECOND


def test_the_hosts_clock_going_back_does_not_take_business_time_along(bench: Bench) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z running")
    bench.host.seconds += 10
    shown = clock.now()
    bench.host.seconds -= 5
    assert clock.now() == shown


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text("tomorrow"), lambda path: path.write_text("")])
def test_an_unreadable_file_leaves_the_last_good_value(bench: Bench, spoil: Callable[[Path], object]) -> None:
    clock = bench.clock("2026-11-20T06:00:00Z")
    spoil(bench.path)
    bench.host.seconds += 1
    with capture_logs() as lines:
        assert clock.now() == SIX
    assert "unreadable" in lines[0]["problem"]
    bench.write("2026-11-20T06:00:01Z")
    bench.host.seconds += 1
    assert clock.now() == SIX + SECOND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-20T06:00:00",
        "2026-11-20T06:00:00+05:45",
        "2026-11-20",
        "2026-13-20T06:00:00Z",
        "2026-11-20T06:00:00Z walking",
        "2026-11-20T06:00:00Zrunning",
        "2026-11-20T06:00:00Z running fast",
    ],
)
def test_anything_but_an_instant_in_utc_stops_the_start(bench: Bench, text: str) -> None:
    with pytest.raises(Misconfigured, match="SEWA_CLOCK_FILE cannot be read"):
        bench.clock(text)


def test_an_absent_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="SEWA_CLOCK_FILE cannot be read"):
        FileClock(tmp_path / "absent")


def test_a_reading_keeps_fractions_of_a_second(bench: Bench) -> None:
    bench.write("  2026-11-20T06:00:00.250Z  running \n")
    reading = read_clock_file(bench.path)
    assert (reading.instant, reading.running) == (SIX + SECOND / 4, True)


def test_without_a_file_business_time_is_the_hosts() -> None:
    clock = business_clock(None, "production")
    assert isinstance(clock, HostClock)
    assert clock.now() - datetime.now(UTC) < SECOND


def test_production_refuses_a_clock_file(bench: Bench) -> None:
    bench.write("2026-11-20T06:00:00Z")
    with pytest.raises(Misconfigured, match="SEWA_ENV=production"):
        business_clock(bench.path, "production")
    assert business_clock(bench.path, "development").now() == SIX
