"""The load of a run under faults, its ledger, its clock and its mail server."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.runtime.clock import read_clock_file
from tests.faults.clock import ClockFile, business
from tests.faults.ledger_file import read_ledger
from tests.faults.load import line
from tests.faults.plan import RECORDS
from tests.faults.sink import Mail, read
from tests.faults.stage import Armed, Stage
from tests.faults.stories import STORIES, at_the_last_moment, rivals
from tests.faults.strange import BAD, GOOD
from tests.faults.upstream import COMMANDS, DIRECTORY, Parcel, Upstream

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = {"customer": ["c1", "c2", "c3"], "provider": ["p1", "p2", "p3"]}
LETTER = b"Message-ID: <a@x>\r\nTo: c@x\r\n\r\nLook: http://h/bookings/01900000-0000-7000-8000-000000000001?x\r\n"


def upstream(seed: int, path: Path = Path("/dev/null")) -> Upstream:
    return Upstream("nowhere:1", path, seed, lambda: NOW, people=PEOPLE)


def stories(seed: int) -> list[object]:
    """What the first ten stories of a seed are about, but for ids."""
    up = upstream(seed)
    told = [STORIES[chance.choice(list(STORIES))](up.scene(chance)) for n in range(10) for chance in [up.chance("story", n)]]
    return [(one["type"], one["actor"], one["data"].get("booking_date")) for lines in told for one in lines]  # type: ignore[attr-defined]


def test_a_seed_tells_the_same_stories_whatever_else_was_drawn_before() -> None:
    assert stories(1) == stories(1) != stories(2)


def test_a_booking_for_the_last_moment_lapses_then() -> None:
    begun, ended = at_the_last_moment(upstream(1).scene(upstream(1).chance()), 6)
    assert begun[0]["data"]["booking_date"] == f"{NOW - timedelta(days=1) + timedelta(seconds=6):%Y-%m-%dT%H:%M:%SZ}"  # type: ignore[index]
    assert begun[0]["subject"] == ended[0]["subject"]


def test_rivals_want_one_hour_of_one_provider() -> None:
    begun, accepted = rivals(upstream(1).scene(upstream(1).chance()))
    assert len({one["subject"] for one in begun}) == 2
    assert len({(one["data"]["provider"], one["data"]["booking_date"]) for one in begun}) == 1  # type: ignore[index]
    assert len({one["actor"] for one in accepted}) == 1


def test_every_kind_of_record_that_is_planned_can_be_made() -> None:
    assert {*GOOD, *BAD} == set(RECORDS)
    made = line("CreateBooking", "b", "customer:c", {"notes": "x"})
    assert len({make(made).mark for make in BAD.values()}) == len(BAD)


def test_the_ledger_tells_what_was_sent_from_what_was_kept(tmp_path: Path) -> None:
    up = upstream(1, tmp_path / "ledger")
    kept, lost, person = (Parcel(topic, b"k", b"{}", [], mark) for topic, mark in ((COMMANDS, "a"), (COMMANDS, "b"), (DIRECTORY, "c")))
    up.write(unreadable="b", reason="schema")
    for parcel in (kept, lost, person):
        up.write(sending=parcel.mark, topic=parcel.topic)
    up.write(kept="a")
    up.write(kept="c")
    ledger = read_ledger(up.path)
    assert (ledger.sent, ledger.kept, ledger.unreadable) == ({"a", "b"}, {"a"}, {"b": "schema"})


def test_the_services_read_the_clock_that_was_put(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock")
    clock.put(-60.0)
    host = time.time()
    assert abs(read_clock_file(clock.path).at(host) - datetime.fromtimestamp(host - 60, UTC)) < timedelta(milliseconds=1)
    clock.leap(10.0)
    assert [ahead for _, ahead in clock.steps] == [-60.0, -50.0]


def test_business_time_is_what_the_clock_said_then() -> None:
    steps = [(100.0, 0.0), (200.0, 10.0)]
    assert [business(steps, host).timestamp() for host in (50.0, 150.0, 200.0)] == [50.0, 150.0, 210.0]


def test_a_letter_is_known_by_its_id_its_address_and_its_booking() -> None:
    assert read(LETTER, "c@x") == Mail("<a@x>", "c@x", "01900000-0000-7000-8000-000000000001")


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Who was killed, while this process passes for the service."""
    killed: list[int] = []

    def kill(_stage: Stage, pid: int, _signum: signal.Signals) -> bool:
        killed.append(pid)
        return True

    monkeypatch.setattr(Stage, "pids", lambda *_: [os.getpid()])
    monkeypatch.setattr(Stage, "signal", kill)
    return killed


@asynccontextmanager
async def speaking() -> AsyncIterator[int]:
    """Have a connection, and give the port that it is from."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield writer.get_extra_info("sockname")[1]
    writer.close()
    server.close()


async def test_only_who_speaks_from_that_port_dies_at_a_point(tmp_path: Path, ended: list[int]) -> None:
    stage = Stage(tmp_path, armed=[Armed("booking", "before-commit")])
    async with speaking() as port:
        assert not await stage.reached(("booking", 0), 1, {"before-commit"})
        assert await stage.reached(("booking", 0), port, {"before-commit"})
    assert (ended, stage.armed) == ([os.getpid()], [])


async def test_a_point_stays_armed_when_its_victim_dies_of_something_else(tmp_path: Path, ended: list[int]) -> None:
    trap = Armed("booking", "before-commit")
    stage = Stage(tmp_path, armed=[trap])
    async with speaking() as port:
        dying = asyncio.create_task(stage.reached(("booking", 0), port, {"before-commit"}))
        await asyncio.sleep(0)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
    assert (ended, stage.armed) == ([], [trap])
