"""`sewa top`: its numbers, one frame for people, and the screen on a real terminal."""

import asyncio
import os
import pty
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from contracts.events import BookingSubmitted
from contracts.message import Message
from contracts.topics import NOTIFICATION_RECEIPTS
from services.cli.pulse import feel_pulse
from services.runtime.outbox import Outgoing, outgoing
from tests.builders import NOW, SYSTEM, bookings
from tests.eventually import eventually
from tests.integration.cli_process import NOBODY, SEWA, send, sewa
from tests.integration.test_cli_status import commit, execute

OFFSETS = (0, 1, 3599, 3600, 24 * 3600 - 1, 24 * 3600)
DEADLINES = f"""
    create table expiry.all_deadlines partition of expiry.deadlines default;
    insert into expiry.deadlines (booking, version, status, category, booking_date, created_at, expires_at, dated_by)
    select gen_random_uuid(), 2, 'pending', 'plumbing', '{NOW}', '{NOW}', '{NOW}'::timestamptz + make_interval(secs => s), ''
    from unnest(array[{", ".join(map(str, OFFSETS))}]) as s"""


def submitted(number: int) -> list[Outgoing]:
    """Events of so many bookings, a minute of business time apart, the last one now."""
    return [
        outgoing(
            Message(
                id=str(booking),
                source="sewabazaar/booking",
                subject=str(booking),
                time=NOW - timedelta(minutes=number - 1 - at),
                actor=SYSTEM,
                data=BookingSubmitted(status="pending"),
                aggregate_version=2,
            )
        )
        for at, booking in enumerate(bookings(number))
    ]


@pytest.fixture
def frozen(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which it is NOW."""
    clock = tmp_path / "clock"
    clock.write_text(f"{NOW:%Y-%m-%dT%H:%M:%SZ}")
    return {**environment, "SEWA_CLOCK_FILE": str(clock)}


def test_an_idle_system_has_numbers_for_everything(environment: dict[str, str]) -> None:
    done = sewa(environment, "top", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["per_second"] == {"commands": 0.0, "events": 0.0, "letters": 0.0}
    assert (done.json["deadlines_by_hour"], done.json["recent"], done.json["due"]) == ([0] * 24, [], 0)


def test_deadlines_are_counted_by_hour_and_events_have_their_age(frozen: dict[str, str]) -> None:
    execute(frozen["DATABASE_URL"], DEADLINES)
    send(frozen["KAFKA_BOOTSTRAP_SERVERS"], submitted(15))
    shown = sewa(frozen, "top", "--json").json
    assert (shown["due"], shown["deadlines_by_hour"]) == (1, [2, 1, *[0] * 21, 1])
    assert [event["age_seconds"] for event in shown["recent"]] == [60.0 * minutes for minutes in range(10)]
    assert {event["type"] for event in shown["recent"]} == {"BookingSubmitted"}


async def test_what_was_settled_published_and_told_is_counted_exactly(clean_kafka: str) -> None:
    before = (await feel_pulse(clean_kafka)).counts
    receipt = Outgoing(0, NOTIFICATION_RECEIPTS.name, b"key", [], b"{}")
    await asyncio.to_thread(send, clean_kafka, [*submitted(4), receipt])
    await asyncio.to_thread(commit, clean_kafka, "booking.commands", 3)
    after = (await feel_pulse(clean_kafka)).counts
    assert (after.commands - before.commands, after.events - before.events, after.letters - before.letters) == (3, 4, 1)


def test_a_part_that_is_away_is_dashes_and_the_rest_is_shown(environment: dict[str, str]) -> None:
    shown = sewa({**environment, "KAFKA_BOOTSTRAP_SERVERS": NOBODY}, "top", "--once").out.splitlines()
    assert {"commands/s –   events/s –   letters/s –", "lag –", "latest events –"} <= set(shown)
    assert "deadlines in the next 24 h none" in shown


class Terminal:
    """A terminal of 80 by 24: the end that a program is given, and all that was written to it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        ioctl(self.theirs, TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.set_blocking(self._ours, False)
        self._shown = b""

    def shown(self) -> bytes:
        with suppress(OSError):
            self._shown += os.read(self._ours, 1_000_000)
        return self._shown

    def close(self) -> None:
        os.close(self._ours)
        os.close(self.theirs)


@contextmanager
def on_a_terminal(environment: dict[str, str], *arguments: str) -> Iterator[tuple["subprocess.Popen[bytes]", Terminal]]:
    """`sewa` on a terminal of its own."""
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    with closing(Terminal()) as terminal:
        end = terminal.theirs
        process = subprocess.Popen([SEWA, *arguments], env=env, stdin=end, stdout=end, stderr=end, start_new_session=True)
        try:
            yield process, terminal
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_screen_shows_frames_until_it_is_told_to_end(environment: dict[str, str], signum: signal.Signals) -> None:
    with on_a_terminal(environment, "top", "--every", "0.5") as (process, terminal):
        eventually(lambda: terminal.shown().count(b"Ctrl-C ends") >= 2, within=60.0)
        process.send_signal(signum)
        eventually(lambda: terminal.shown() and process.poll() is not None, within=20.0)
        shown = terminal.shown()
        assert process.returncode == 0
    assert shown.index(b"\033[?1049h") < shown.index(b"latest events") < shown.rindex(b"\033[?1049l")
    assert b"Traceback" not in shown
