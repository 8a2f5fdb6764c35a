"""Runs that somebody asks for, on a real PostgreSQL: which bookings they are about, and what becomes of each."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from contracts.commands import MaintenanceCancel
from contracts.ids import new_id
from contracts.message import Message
from services.expiry import manual
from services.expiry.answers import FullReport, Preview, RunRequest
from services.expiry.errors import AutoCancelDisabled, FutureAsOf
from services.expiry.runs_store import KEPT_FOR
from services.runtime.db import open_engine
from tests.integration.expiry_history import (
    ADMIN,
    BOOKED_FOR,
    DAY,
    HOUR,
    NOW,
    TICK,
    Expiry,
    accepted,
    expired,
    maintained,
    noted,
    policy,
    requested,
)

WHY = "stuck for weeks"
STUCK = RunRequest(mode="maintenance", reason=WHY)


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=3, name="test")
    yield Expiry(engine)
    await engine.dispose()


async def preview(expiry: Expiry, **request: Any) -> Preview:
    async with expiry.engine.connect() as connection:
        return await manual.preview(connection, expiry.settings(), RunRequest(dry_run=True, **request), NOW)


async def lapsed(expiry: Expiry, number: int) -> list[UUID]:
    bookings = [new_id() for _ in range(number)]
    await expiry.hears(*(e for booking in bookings for e in requested(booking)))
    return bookings


def told(report: FullReport) -> dict[UUID, tuple[str, str | None]]:
    return {result.booking: (result.outcome, result.code) for result in report.results}


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("booking_maintenance_commands_total", {"outcome": outcome}) or 0.0


async def test_every_booking_of_a_run_has_its_outcome(expiry: Expiry) -> None:
    gone, refused, touched, silent = await lapsed(expiry, 4)
    run, running = (await expiry.asked(RunRequest())).run, expiry.running()
    assert await expiry.carry_out(running) == [gone, refused, touched, silent]
    await expiry.hears(expired(gone, 3, BOOKED_FOR + DAY), noted(touched, 3))
    await expiry.is_refused(expiry.sent[1], "invalid-transition")
    await expiry.carry_out(running)
    expiry.host.pass_by(60)
    await expiry.carry_out(running)
    report = await expiry.report(run)
    assert (report.status, report.counts.model_dump()) == ("failed", {"found": 4, "cancelled": 1, "rejected": 2})
    refusals = {refused: ("rejected", "invalid-transition"), touched: ("rejected", "version-conflict")}
    assert told(report) == {gone: ("cancelled", None), silent: ("unanswered", None), **refusals}


async def test_the_report_is_the_documented_json(expiry: Expiry) -> None:
    gone, refused = await lapsed(expiry, 2)
    run, running = (await expiry.asked(RunRequest())).run, expiry.running()
    await expiry.carry_out(running)
    await expiry.hears(expired(gone, 3, BOOKED_FOR + DAY))
    await expiry.is_refused(expiry.sent[1], "not-due")
    await expiry.carry_out(running)
    due, at = "2026-11-20T05:00:00Z", "2026-11-20T06:00:00Z"
    cancelled = {"booking": str(gone), "outcome": "cancelled", "expires_at": due, "cancelled_at": at}
    rejected = {"booking": str(refused), "outcome": "rejected", "code": "not-due", "expires_at": due, "cancelled_at": None}
    assert (await expiry.report(run)).model_dump(mode="json") == {
        "run": str(run),
        "kind": "manual",
        "status": "done",
        "as_of": at,
        "next": None,
        "counts": {"found": 2, "cancelled": 1, "rejected": 1},
        "results": [cancelled, rejected],
    }


async def test_a_stale_command_is_sent_again(expiry: Expiry) -> None:
    (booking,) = await lapsed(expiry, 1)
    await expiry.asked(RunRequest())
    running = expiry.running()
    await expiry.carry_out(running)
    await expiry.is_refused(expiry.sent[0], "stale-command")
    assert await expiry.carry_out(running) == [booking]


async def test_the_scan_leaves_to_a_run_what_the_run_is_about(expiry: Expiry) -> None:
    await lapsed(expiry, 2)
    await expiry.asked(RunRequest())
    assert await expiry.scan(expiry.sweep()) == []
    assert len(await expiry.carry_out(expiry.running())) == 2


async def test_a_run_takes_the_first_of_a_category_that_had_lapsed_then(expiry: Expiry) -> None:
    tutoring = [new_id() for _ in range(3)]
    await lapsed(expiry, 1)
    await expiry.hears(*(e for n, b in enumerate(tutoring) for e in requested(b, BOOKED_FOR - n * TICK, "tutoring")))
    request = RunRequest(category="tutoring", as_of=BOOKED_FOR + DAY - TICK, limit=1)
    await expiry.asked(request)
    assert await expiry.carry_out(expiry.running()) == [tutoring[2]]
    found = await preview(expiry, category="tutoring", as_of=request.as_of)
    assert [one.booking for one in found.results] == [tutoring[2], tutoring[1]]


async def test_only_a_dry_run_looks_ahead(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 3)
    await expiry.hears(*requested(later := new_id(), BOOKED_FOR + 2 * HOUR))
    found = await preview(expiry, as_of=NOW + HOUR, limit=2)
    assert (found.count, [one.booking for one in found.results], found.truncated) == (4, bookings[:2], True)
    assert (await preview(expiry, as_of=NOW + HOUR)).results[-1].booking == later
    assert (found.total_amount, found.currency, found.results[0].total_amount) == ("6000.00", "NPR", Decimal("1500.00"))
    with pytest.raises(FutureAsOf, match="only a dry run"):
        await expiry.asked(RunRequest(as_of=NOW + TICK))


async def test_a_look_ahead_goes_by_policies_that_are_announced(expiry: Expiry) -> None:
    (booking, later) = new_id(), NOW + 2 * HOUR
    await expiry.hears(*requested(booking, NOW))
    await expiry.learns(policy(1, grace_hours=1, effective_at=later))
    assert (await preview(expiry, as_of=later - TICK)).count == 0
    assert [(r.booking, r.policy_version) for r in (await preview(expiry, as_of=later)).results] == [(booking, 1)]


async def test_while_auto_cancel_is_off_a_run_needs_force(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 2)
    with pytest.raises(AutoCancelDisabled):
        await expiry.asked(RunRequest(), enabled=False)
    await expiry.asked(RunRequest(force=True, reason="agreed by phone"), enabled=False)
    assert await expiry.carry_out(expiry.running(enabled=False)) == bookings


async def stuck(expiry: Expiry) -> list[UUID]:
    """A created, a pending and a confirmed booking that have lapsed, beside others that have not."""
    created, pending, confirmed, young, done = [new_id() for _ in range(5)]
    history = [requested(created)[0], *requested(pending), *requested(confirmed), accepted(confirmed, 3, BOOKED_FOR - HOUR)]
    ahead = [requested(young, BOOKED_FOR + 2 * HOUR)[0], *requested(done), maintained(done, 3)]
    await expiry.hears(*history, *ahead)
    return [created, pending, confirmed]


async def maintenance(expiry: Expiry) -> list[Message[MaintenanceCancel]]:
    return [message for message in await expiry.queued() if isinstance(message.data, MaintenanceCancel)]


async def test_maintenance_asks_for_stuck_bookings_in_the_name_of_the_admin(expiry: Expiry) -> None:
    bookings, emitted = await stuck(expiry), counted("emitted")
    await expiry.asked(STUCK)
    for _ in range(2):
        await expiry.carry_out(expiry.running())
    commands = await maintenance(expiry)
    assert [UUID(command.subject) for command in commands] == bookings
    assert [command.data for command in commands] == [MaintenanceCancel(expected_version=v, reason=WHY) for v in (1, 2, 3)]
    assert {(c.topic, c.source, str(c.actor), c.time) for c in commands} == {("booking.commands.v1", "sewabazaar/expiry", str(ADMIN), NOW)}
    assert (expiry.sent, counted("emitted") - emitted) == ([], 3)


async def test_maintenance_is_answered_and_counted_apart(expiry: Expiry) -> None:
    created, pending, confirmed = await stuck(expiry)
    run, running = (await expiry.asked(STUCK)).run, expiry.running()
    before = {outcome: counted(outcome) for outcome in ("handled", "refused")}
    await expiry.carry_out(running)
    await expiry.hears(maintained(created, 2), expired(pending, 3, BOOKED_FOR + DAY))
    await expiry.is_refused((await maintenance(expiry))[2], "version-conflict")
    await expiry.carry_out(running)
    report, conflict = await expiry.report(run), ("rejected", "version-conflict")
    assert told(report) == {created: ("cancelled", None), pending: conflict, confirmed: conflict}
    assert (report.status, [counted(o) - before[o] for o in ("handled", "refused")]) == ("done", [1, 2])


async def test_the_breaker_counts_maintenance_too(expiry: Expiry) -> None:
    bookings = await stuck(expiry)
    started = await expiry.asked(STUCK, breaker_max=2)
    await expiry.carry_out(expiry.running())
    assert (started.status, await maintenance(expiry)) == ("waiting_approval", [])
    await expiry.approved(started.run)
    await expiry.carry_out(expiry.running())
    assert [UUID(command.subject) for command in await maintenance(expiry)] == bookings


async def test_results_come_in_pages_and_runs_the_newest_first(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 5)
    runs = [(await expiry.asked(RunRequest(), NOW + n * HOUR)).run for n in range(2)]
    async with expiry.engine.connect() as connection:
        first = await manual.report(connection, runs[0], limit=3)
        rest = await manual.report(connection, runs[0], first.next, limit=3)
        assert [one.run for one in await manual.reports(connection, "running")] == runs[::-1]
        assert await manual.reports(connection, "waiting_approval") == []
    assert ([r.booking for r in first.results + rest.results], rest.next) == (bookings, None)


async def test_runs_that_ended_long_ago_are_forgotten(expiry: Expiry) -> None:
    ended: datetime = NOW - KEPT_FOR - TICK
    old, young = [(await expiry.asked(RunRequest(), at)).run for at in (ended, ended + DAY)]
    await expiry.asked(RunRequest())
    async with expiry.engine.connect() as connection:
        runs = [one.run for one in await manual.reports(connection)]
    assert old not in runs
    assert young in runs
