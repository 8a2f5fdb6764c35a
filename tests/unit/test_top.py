"""What `sewa top` computes and how it draws, apart from any server."""

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from rich.console import Console

from services.cli.bars import axis, bars
from services.cli.figures import Figures
from services.cli.frame import Frame, ago
from services.cli.lag import Backlogs
from services.cli.picture import Picture
from services.cli.pulse import Counts, Rates, Recent, newest
from services.cli.sight import Sight
from services.cli.top import top
from services.runtime.errors import Halt
from services.runtime.outbox import Backlog
from tests.builders import BOOKING, NOW

PROCESSES = [{"name": name, "slot": 0, "pid": 1, "port": 1, "ready": name != "expiry"} for name in ("booking", "expiry", "notifier")]
IDLE = (
    "booking.payments",
    "directory.events",
    "expiry.events",
    "expiry.rejections",
    "notifier.directory",
    "notifier.events",
    "payments.events",
)
GROUPS = {"booking.commands": 12_345, **dict.fromkeys(IDLE, 0)}
EVENTS = tuple(Recent(NOW - timedelta(minutes=at), 2, "BookingSubmitted", str(BOOKING)) for at in range(10))
PICTURE = Picture(PROCESSES, Figures(Backlog(3, 1.25), 7, 2, "33.33", "16.67"), Backlogs(GROUPS, 4), {}, None, {})
BUSY = Sight(NOW, PICTURE, Rates(104.4, 1160.3, 0.0), [0, *range(23)], EVENTS)
NOTHING = Picture([], Figures(), Backlogs(), {}, None, {"database": "PostgreSQL at x:\033 no", "kafka": "Apache Kafka at y"})
UNKNOWN = Sight(NOW, NOTHING, Rates(), None, None)
EMPTY = replace(BUSY, picture=replace(PICTURE, processes=[], backlogs=Backlogs({}, 0)), ahead=[0] * 24, recent=())


def drawn(sight: Sight, width: int = 80, height: int | None = 24) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None, highlight=False)
    console.print(Frame(sight, "  every 2 s", height))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def record(offset: int, **headers: str) -> "ConsumerRecord[bytes, bytes]":
    usual = {"ce_time": "2026-11-20T06:00:00Z", "ce_type": "sewabazaar.BookingSubmitted.v1", "ce_subject": "b", "ce_aggregateversion": "2"}
    said = [(name, value.encode()) for name, value in {**usual, **headers}.items()]
    return ConsumerRecord("booking.events.v1", 0, offset, 0, 0, b"b", b"{}", None, 0, 0, said)


def test_nothing_to_look_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.top.quiet_logs", lambda: None)
    monkeypatch.setenv("SEWA_HOME", str(tmp_path))
    with pytest.raises(Halt, match="nothing is running here"):
        top(once=True)


def test_a_rate_is_what_came_between_two_looks() -> None:
    assert Counts(12.0, 130, 15, 7).since(Counts(10.0, 100, 10, 7)) == Rates(15.0, 2.5, 0.0)


def test_a_first_look_and_a_topic_that_was_made_anew_have_no_rate() -> None:
    assert Counts(12.0, 1, 1, 1).since(None) == Rates()
    assert Counts(12.0, 5, 0, 7).since(Counts(10.0, 1, 10, 7)) == Rates(2.0, None, 0.0)


def test_the_newest_events_come_first_and_each_once() -> None:
    records = [record(0), record(1, ce_aggregateversion="3"), record(2), record(3, ce_time="2026-11-20T05:59:59Z", ce_aggregateversion="9")]
    assert [event.version for event in newest(records)] == [3, 2, 9]
    assert len(newest([record(n, ce_subject=f"b{n}") for n in range(30)])) == 10


@pytest.mark.parametrize("header", [{"ce_time": "noon"}, {"ce_type": "BookingSubmitted"}, {"ce_aggregateversion": "two"}])
def test_what_is_no_event_of_ours_is_passed_over(header: dict[str, str]) -> None:
    assert newest([record(0, **header)]) == ()


def test_bars_grow_from_the_bottom_and_what_is_not_nothing_is_seen() -> None:
    assert bars([0, 1, 4, 8], 2) == ["         ██", "   ▂▂ ██ ██"]
    assert bars([1, 1_000_000], 1) == ["▁▁ ██"]
    assert bars([0, 0], 2) == ["", ""]
    assert axis(24, 6) == "now               +6 h              +12 h             +18 h"


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400 * 40, "40 d")])
def test_an_age_is_told_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert ago(seconds) == shown


def test_a_busy_system_fits_a_terminal_of_80_by_24() -> None:
    lines = drawn(BUSY)
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    assert lines[1].split("   ") == ["booking.0 ●", "expiry.0 ○", "notifier.0 ●"]
    assert lines[2] == "commands/s 104.4   events/s 1,160.3   letters/s 0.0"
    assert lines[3] == "outbox 3   oldest 1.2 s   parked 2   due 7   dead letters 4"
    assert "lag booking.commands 12,345" in lines[5]
    assert f"    0 s  BookingSubmitted         2 {BOOKING}" in lines


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (20, 3), (200, 60)])
@pytest.mark.parametrize("sight", [BUSY, UNKNOWN, EMPTY], ids=["busy", "unknown", "empty"])
def test_no_frame_is_larger_than_its_terminal(sight: Sight, width: int, height: int) -> None:
    lines = drawn(sight, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_what_is_unknown_is_a_dash_and_is_explained() -> None:
    shown = drawn(UNKNOWN)
    assert "commands/s –   events/s –   letters/s –" in shown
    assert "outbox –   oldest –   parked –   due –   dead letters –" in shown
    assert {"completion –   auto-cancel –", "lag –", "deadlines in the next 24 h –", "latest events –"} <= set(shown)
    assert r"PostgreSQL at x:\x1b no" in shown


def test_a_system_that_has_done_nothing_yet_says_so() -> None:
    assert {"deadlines in the next 24 h none", "latest events none yet"} <= set(drawn(EMPTY))


def test_a_frame_that_is_printed_once_is_as_long_as_it_takes() -> None:
    assert len(drawn(BUSY, height=None)) == len(drawn(BUSY, height=99)) == 24


def test_programs_get_null_for_what_is_unknown() -> None:
    shown: dict[str, Any] = UNKNOWN.as_json()
    assert (shown["per_second"], shown["deadlines_by_hour"], shown["recent"], shown["lag"]) == (
        {"commands": None, "events": None, "letters": None},
        None,
        None,
        None,
    )
    assert EMPTY.as_json()["recent"] == []


def test_programs_get_the_age_of_events_in_business_time() -> None:
    second = BUSY.as_json()["recent"][1]
    assert (second["age_seconds"], second["at"], second["type"]) == (60.0, "2026-11-20T05:59:00Z", "BookingSubmitted")
