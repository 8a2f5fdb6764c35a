"""`sewa expiry`: what is due is listed or cancelled, what is held is approved."""

import asyncio
from pathlib import Path

import asyncpg

from contracts.ids import new_id
from contracts.values import instant_text
from services.runtime.outbox import outgoing
from tests.builders import NOW, create
from tests.eventually import eventually
from tests.integration.cli_process import running, send, sewa

DUE = """
    insert into expiry.deadlines (booking, version, status, category, booking_date, created_at, expires_at, dated_by)
    values ($1, 2, 'pending', 'plumbing', '2026-01-01T06:00Z', '2026-01-01T06:00Z', '2026-01-02T06:00Z', '')"""


def make_due(database_url: str) -> str:
    """Put a booking into the deadline index that has lapsed."""
    booking = new_id()

    async def run() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.execute("create table expiry.all_deadlines partition of expiry.deadlines default")
        await connection.execute(DUE, booking)
        await connection.close()

    asyncio.run(run())
    return str(booking)


def watched(database_url: str) -> int:
    """How many bookings the deadline index has."""

    async def run() -> int:
        connection = await asyncpg.connect(database_url)
        found: int = await connection.fetchval("select count(*) from expiry.deadlines")
        await connection.close()
        return found

    return asyncio.run(run())


def test_what_is_due_is_listed_and_left_alone_in_a_dry_run(environment: dict[str, str]) -> None:
    booking = make_due(environment["DATABASE_URL"])
    listed = sewa(environment, "expiry", "run", "--dry-run", "--as-of", "2026-01-02T06:00:00Z", "--json").json
    assert [listed[name] for name in ("dry_run", "as_of", "count", "truncated")] == [True, "2026-01-02T06:00:00Z", 1, False]
    (found,) = listed["results"]
    assert [found[n] for n in ("booking", "expires_at", "status", "category")] == [booking, listed["as_of"], "pending", "plumbing"]
    for_people = sewa(environment, "auto-cancel-expired-bookings", "--dry-run")
    assert for_people.code == 0
    assert booking in for_people.out


def test_a_run_by_hand_cancels_what_is_due_and_waits_for_the_answer(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clock").write_text(instant_text(NOW))
    settings = {**environment, "SEWA_CLOCK_FILE": str(tmp_path / "clock"), "AUTO_CANCEL_ENABLED": "false"}
    with running("booking", settings), running("expiry", settings):
        send(environment["KAFKA_BOOTSTRAP_SERVERS"], [outgoing(create(new_id()))])
        eventually(lambda: watched(environment["DATABASE_URL"]) == 1, within=60)
        done = sewa(settings, "expiry", "run", "--force", "--reason", "a run for a test", "--json")
    assert (done.code, done.json["status"], done.json["unanswered"]) == (0, "done", 0)
    assert done.json["counts"] == {"found": 1, "cancelled": 1, "rejected": 0}
    assert done.err == f"run {done.json['run']}\n"


def test_nothing_due_is_no_failure(environment: dict[str, str]) -> None:
    done = sewa(environment, "expiry", "run", "--json")
    assert (done.code, done.json["status"], done.json["counts"]) == (0, "done", {"found": 0, "cancelled": 0, "rejected": 0})


def test_a_disabled_auto_cancel_is_said_and_is_exit_code_1(environment: dict[str, str]) -> None:
    done = sewa({**environment, "AUTO_CANCEL_ENABLED": "false"}, "expiry", "run")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("sewa: AUTO_CANCEL_ENABLED is false")


def test_a_run_that_is_held_is_listed_and_approved_once(environment: dict[str, str]) -> None:
    settings = {**environment, "SEWA_EXPIRY_BREAKER_SHARE": "0.5"}
    booking = make_due(environment["DATABASE_URL"])
    done = sewa(settings, "expiry", "run")
    (held,) = sewa(settings, "expiry", "runs", "--status", "waiting_approval", "--json").json
    assert (done.code, held["kind"], held["counts"]["found"]) == (1, "manual", 1)
    assert f"sewa expiry approve {held['run']}" in done.out
    approved = [sewa(settings, "expiry", "approve", held["run"], "--json").json for _ in range(2)]
    assert approved == [{"run": held["run"], "status": "running"}] * 2
    shown = sewa(settings, "expiry", "show", held["run"]).out
    assert booking in shown
    assert "running: 1 found, 0 cancelled, 0 rejected" in shown


def test_what_is_not_held_cannot_be_approved(environment: dict[str, str]) -> None:
    nothing = str(new_id())
    done = sewa(environment, "expiry", "approve", nothing)
    assert (done.code, done.err) == (1, f"sewa: there is no run or held scan {nothing}\n")
