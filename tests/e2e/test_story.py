"""The whole story as a user sees it: bookings are published, some lapse when the clock moves on, and everybody is told once."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.faults.clock import ClockFile
from tests.faults.load import Ledger, line, person, story, write
from tests.faults.seen import first_occurrences
from tests.faults.verdict import broken
from tests.platform import QUIET_SECONDS, SEWA, Platform, started

BOOKINGS, DAY_SECONDS = 200, 86_400.0
BAD = ("this is no JSON", '{"specversion": "1.0"}', json.dumps(line("FlyToTheMoon", "x", "admin:x", {})), '["no", "object"]', "{")
pytestmark = pytest.mark.timeout(400)


def a_day(ledger: Ledger) -> list[dict[str, object]]:
    """Bookings of which the unanswered ones lapse in a few days."""
    customer, provider = ledger.people
    return [one for _ in range(BOOKINGS) for one in story(ledger, random.Random(len(ledger.commands)), customer, provider, lapses=1)]


def publish(platform: Platform, text: str) -> dict[str, object]:
    """Publish lines and return the summary."""
    done = subprocess.run([SEWA, "publish", "-", "--json"], input=text.encode(), env=platform.environment, capture_output=True, check=False)
    summary: dict[str, object] = json.loads(done.stdout)
    return {**summary, "exit": done.returncode}


def expired(platform: Platform, ledger: Ledger) -> dict[str, object]:
    """The deadlines of what was cancelled because of them, by booking."""
    events = first_occurrences(platform.look(ledger).topics.events)
    return {e.key: e.data["expired_at"] for e in events if e.data.get("cancellation_reason") == "expired"}


def settled(platform: Platform, ledger: Ledger, clock: ClockFile) -> bool:
    eventually(platform.quiet, within=QUIET_SECONDS, every=1.0)
    assert broken(platform.look(ledger, clock.steps)) == {}
    return True


def test_what_nobody_acts_on_lapses_when_its_time_has_come(tmp_path: Path) -> None:
    clock, people = ClockFile(tmp_path / "clock"), [person("customer"), person("provider")]
    ledger = Ledger(people={one["data"]["id"]: one["data"]["email"] for one in people})  # type: ignore[index]
    clock.put(0.0)
    with started(tmp_path, SEWA_CLOCK_FILE=str(clock.path)) as platform:
        assert publish(platform, write(people))["exit"] == 0
        eventually(platform.quiet, within=QUIET_SECONDS, every=1.0)
        lines = a_day(ledger)
        summary = publish(platform, write(lines) + "\n".join(BAD))
        assert (summary["sent"], summary["bad"], summary["exit"]) == (len(lines), len(BAD), 1)
        eventually(lambda: settled(platform, ledger, clock), within=QUIET_SECONDS, every=1.0)
        assert expired(platform, ledger) == {}
        clock.leap(3 * DAY_SECONDS)
        eventually(lambda: expired(platform, ledger) == ledger.lapsing, within=QUIET_SECONDS, every=1.0)
        eventually(lambda: settled(platform, ledger, clock), within=QUIET_SECONDS, every=1.0)
