"""The whole story as a user sees it: bookings are published, some lapse when the clock moves on, and everybody is told once."""

import asyncio
import json
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.faults.examiner import Evidence, collect, first_occurrences
from tests.faults.load import Ledger, instant, line, person, story, write
from tests.platform import QUIET_SECONDS, SEWA, Platform, started

BOOKINGS = 200
BAD = ("this is no JSON", '{"specversion": "1.0"}', json.dumps(line("FlyToTheMoon", "x", "admin:x", {})), '["no", "object"]', "{")
pytestmark = pytest.mark.timeout(400)


def set_clock(path: Path, at: datetime) -> None:
    """Replace the clock file by rename, as an operator does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{instant(at)} running\n", encoding="utf-8")
    fresh.rename(path)


def a_day(ledger: Ledger) -> list[dict[str, object]]:
    """People, and bookings of which the unanswered ones lapse in a few days."""
    customer, provider = person("customer"), person("provider")
    ids = [str(p["data"]["id"]) for p in (customer, provider)]  # type: ignore[index]
    stories = [one for _ in range(BOOKINGS) for one in story(ledger, random.Random(len(ledger.commands)), ids[0], ids[1], lapses=1)]
    return [customer, provider, *stories]


def publish(platform: Platform, text: str) -> dict[str, object]:
    """Publish lines and return the summary."""
    done = subprocess.run([SEWA, "publish", "-", "--json"], input=text.encode(), env=platform.environment, capture_output=True, check=False)
    summary: dict[str, object] = json.loads(done.stdout)
    return {**summary, "exit": done.returncode}


def evidence(platform: Platform) -> Evidence:
    endpoints = platform.status()["endpoints"]
    return asyncio.run(collect(endpoints["kafka"], endpoints["database"], platform.home / "mail"))


def expired(platform: Platform) -> dict[str, object]:
    """The deadlines of what was cancelled because of them, by booking."""
    events = first_occurrences(evidence(platform).events)
    return {e.key: e.data["expired_at"] for e in events if e.data.get("cancellation_reason") == "expired"}


def settled(platform: Platform, ledger: Ledger) -> bool:
    eventually(platform.quiet, within=QUIET_SECONDS, every=1.0)
    assert evidence(platform).problems(ledger) == []
    return True


def test_what_nobody_acts_on_lapses_when_its_time_has_come(tmp_path: Path) -> None:
    clock, ledger, now = tmp_path / "clock", Ledger(), datetime.now(UTC)
    set_clock(clock, now)
    with started(tmp_path, SEWA_CLOCK_FILE=str(clock)) as platform:
        lines = a_day(ledger)
        summary = publish(platform, write(lines) + "\n".join(BAD))
        assert (summary["sent"], summary["bad"], summary["exit"]) == (len(lines), len(BAD), 1)
        eventually(lambda: settled(platform, ledger), within=QUIET_SECONDS, every=1.0)
        assert expired(platform) == {}
        set_clock(clock, now + timedelta(days=3))
        eventually(lambda: expired(platform) == ledger.lapsing, within=QUIET_SECONDS, every=1.0)
        eventually(lambda: settled(platform, ledger), within=QUIET_SECONDS, every=1.0)
