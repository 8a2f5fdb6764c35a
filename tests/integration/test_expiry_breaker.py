"""The breaker on a real PostgreSQL: what would cancel too much is held, said once, and goes on when it is approved."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest

from contracts.deadlines import ScanHeld
from contracts.ids import new_id
from services.expiry import app, runs_store
from services.expiry.answers import RunRequest
from services.expiry.breaker import Breaker
from services.expiry.errors import AutoCancelDisabled, NoSuchRun
from services.expiry.redating import Redating
from services.runtime.db import open_engine
from tests.integration.expiry_history import BOOKED_FOR, CUSTOMER, DAY, HOUR, MINUTE, NOW, Expiry, expired, moved, noted, policy, requested

THREE = Breaker(3)


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=3, name="test")
    expiry = Expiry(engine)
    await expiry.redate(NOW)
    yield expiry
    await engine.dispose()


async def lapsed(expiry: Expiry, number: int, ago: int = 0) -> list[UUID]:
    """Bookings that are due since an hour and `ago` minutes, in the order of their deadlines."""
    bookings = [new_id() for _ in range(number)]
    await expiry.hears(*(e for booking in bookings for e in requested(booking, BOOKED_FOR - ago * MINUTE)))
    return bookings


async def held(expiry: Expiry, number: int = 5) -> tuple[UUID, list[UUID]]:
    """A scan that is held, by its id, and the bookings that it found."""
    bookings = await lapsed(expiry, number)
    assert await expiry.scan(expiry.guarded(THREE)) == []
    (message,) = await expiry.queued()
    return message.data.scan_id, bookings


async def is_open(expiry: Expiry) -> list[float]:
    async with expiry.engine.connect() as connection:
        families = await app.measure(connection, NOW)
    return [sample.value for family in families for sample in family.samples if sample.name == "booking_expiry_breaker_open"]


async def test_as_many_as_the_limit_go_through(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 3)
    assert await expiry.scan(expiry.guarded(THREE, batch=2)) == bookings
    assert (await expiry.queued(), await is_open(expiry)) == ([], [0])


async def test_one_more_is_held_and_said_once(expiry: Expiry) -> None:
    scan, bookings = await held(expiry, 4)
    for _ in range(3):
        assert await expiry.scan(expiry.guarded(THREE)) == []
    (message,) = await expiry.queued()
    assert message.data == ScanHeld(scan_id=scan, found=4, limit=3, as_of=NOW)
    assert (message.topic, message.subject, str(message.actor), message.time) == ("deadline.events.v1", str(scan), "system:expiry", NOW)
    report = await expiry.report(scan)
    assert (report.kind, report.status, report.counts.found) == ("scan", "waiting_approval", 4)
    assert ([r.booking for r in report.results], await is_open(expiry)) == (bookings, [1])


async def test_batches_do_not_cut_a_scan_below_the_limit(expiry: Expiry) -> None:
    await lapsed(expiry, 5)
    assert await expiry.scan(expiry.guarded(THREE, batch=2)) == []


async def test_what_waits_for_its_answer_counts(expiry: Expiry) -> None:
    await lapsed(expiry, 3)
    sweep = expiry.guarded(THREE)
    await expiry.scan(sweep)
    await lapsed(expiry, 1)
    assert await expiry.scan(sweep) == []


async def test_a_scan_asks_for_nothing_that_became_due_after_it_was_judged(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 3)
    await lapsed(expiry, 9, ago=-120)
    sweep = expiry.guarded(THREE, batch=2)
    async with expiry.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        assert [await sweep.run_once(connection, now) for now in (NOW, NOW + DAY, NOW + DAY)] == [True, False, False]
    assert [UUID(command.subject) for command in expiry.sent] == bookings


async def test_a_share_of_the_open_bookings_is_a_limit_too(expiry: Expiry) -> None:
    await lapsed(expiry, 6, ago=-240)
    half = Breaker(0, Decimal("0.25"))
    due = await lapsed(expiry, 2)
    assert await expiry.scan(expiry.guarded(half)) == due
    await lapsed(expiry, 1)
    assert await expiry.scan(expiry.guarded(half)) == []
    (message,) = await expiry.queued()
    assert (message.data.found, message.data.limit) == (3, 2)


async def test_approved_it_asks_for_exactly_what_was_found(expiry: Expiry) -> None:
    scan, bookings = await held(expiry)
    later = await lapsed(expiry, 2, ago=10)
    assert (await expiry.approved(scan)).status == "running"
    assert await expiry.carry_out(expiry.running()) == bookings
    assert {command.data.scan_id for command in expiry.sent} == {scan}
    assert await expiry.scan(expiry.guarded(THREE)) == later
    await expiry.hears(*(expired(booking, 3, BOOKED_FOR + DAY) for booking in bookings))
    await expiry.carry_out(expiry.running())
    report = await expiry.report(scan)
    assert (report.status, report.counts.cancelled, await is_open(expiry)) == ("done", 5, [0])


async def test_what_became_due_meanwhile_is_judged_anew(expiry: Expiry) -> None:
    scan, _ = await held(expiry)
    await expiry.approved(scan)
    await lapsed(expiry, 4)
    assert await expiry.scan(expiry.guarded(THREE)) == []
    assert [m.data.found for m in await expiry.queued()] == [5, 4]


async def test_what_changed_in_between_is_skipped(expiry: Expiry) -> None:
    scan, (touched, moved_away, gone, *rest) = await held(expiry)
    await expiry.hears(noted(touched, 3), moved(moved_away, 3, NOW, CUSTOMER, at=NOW), expired(gone, 3, BOOKED_FOR + DAY))
    await expiry.approved(scan)
    running = expiry.running()
    assert await expiry.carry_out(running) == rest
    results = {r.booking: (r.outcome, r.code) for r in (await expiry.report(scan)).results}
    assert [results[b] for b in (touched, moved_away)] == [("rejected", "version-conflict")] * 2
    assert results[gone] == ("cancelled", None)


@pytest.mark.parametrize("effective_at", [NOW - DAY, NOW + MINUTE])
async def test_what_is_not_due_any_more_under_other_policies_is_skipped(expiry: Expiry, effective_at: datetime) -> None:
    scan, _ = await held(expiry)
    await expiry.learns(policy(1, grace_hours=48, effective_at=effective_at))
    await expiry.approved(scan)
    assert await expiry.carry_out(expiry.running(), NOW + MINUTE) == []
    report = await expiry.report(scan)
    assert (report.status, {r.code for r in report.results}) == ("done", {"not-due"})


async def test_a_policy_that_makes_much_due_in_steps_does_not_slip_below_the_limit(expiry: Expiry) -> None:
    await lapsed(expiry, 5, ago=-240)
    await expiry.learns(policy(1, grace_hours=3))
    stepwise, sweep = Redating(expiry.current, batch=2), expiry.guarded(THREE)
    for _ in range(4):
        async with expiry.engine.begin() as connection:
            assert await stepwise.run_once(connection, NOW)
        assert await expiry.scan(sweep) == []
    await expiry.redate(NOW, stepwise)
    assert await expiry.scan(sweep) == []
    assert [m.data.found for m in await expiry.queued()] == [5]


async def test_approving_again_changes_nothing_and_two_at_once_approve_once(expiry: Expiry) -> None:
    scan, bookings = await held(expiry)
    assert [s.status for s in await asyncio.gather(expiry.approved(scan), expiry.approved(scan))] == ["running"] * 2
    assert await expiry.carry_out(expiry.running()) == bookings
    await expiry.approved(scan)
    assert await expiry.carry_out(expiry.running()) == []
    await expiry.hears(*(expired(booking, 3, BOOKED_FOR + DAY) for booking in bookings))
    await expiry.carry_out(expiry.running())
    assert (await expiry.approved(scan)).status == "done"
    assert len(expiry.sent) == 5


async def test_while_something_is_held_even_a_scan_of_one_booking_asks_for_nothing(expiry: Expiry) -> None:
    await held(expiry)
    await lapsed(expiry, 1)
    assert [await expiry.scan(expiry.guarded(breaker)) for breaker in (THREE, Breaker())] == [[], []]
    assert len(await expiry.queued()) == 1


async def test_an_approval_that_comes_late_does_not_begin_again(expiry: Expiry) -> None:
    scan, _ = await held(expiry)
    await expiry.approved(scan)
    async with expiry.engine.begin() as connection:
        assert await runs_store.end(connection, scan, "done", NOW)
        assert not await runs_store.approve(connection, scan, str(CUSTOMER), NOW)
    assert (await expiry.report(scan)).status == "done"


async def test_nothing_can_be_approved_that_is_not_there(expiry: Expiry) -> None:
    with pytest.raises(NoSuchRun, match="there is no run"):
        await expiry.approved(new_id())


async def test_two_scans_at_once_hold_one(expiry: Expiry) -> None:
    await lapsed(expiry, 5)
    together = asyncio.Barrier(2)
    sweeps = [expiry.guarded(THREE), expiry.guarded(THREE)]

    async def scan(number: int) -> None:
        async with expiry.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await together.wait()
            await sweeps[number].run_once(connection, NOW)

    await asyncio.gather(scan(0), scan(1))
    assert (len(await expiry.queued()), expiry.sent) == (1, [])


async def test_force_does_not_lift_it_and_a_run_while_something_is_held_begins_nothing(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 5)
    forced = RunRequest(force=True, reason="a look at the breaker")
    started = await expiry.asked(forced, enabled=False, breaker_max=3)
    assert (started.status, await expiry.carry_out(expiry.running())) == ("waiting_approval", [])
    assert await expiry.asked(RunRequest(), breaker_max=3) == started
    assert await expiry.scan(expiry.guarded(Breaker())) == []
    await expiry.approved(started.run, enabled=False)
    assert await expiry.carry_out(expiry.running(enabled=False)) == bookings


async def test_a_limit_on_a_run_does_not_slip_below_the_breaker(expiry: Expiry) -> None:
    bookings = await lapsed(expiry, 5)
    started = await expiry.asked(RunRequest(limit=1), breaker_max=3)
    assert [m.data.found for m in await expiry.queued()] == [5]
    await expiry.approved(started.run)
    assert await expiry.carry_out(expiry.running()) == bookings[:1]


async def test_while_auto_cancel_is_off_a_held_scan_cannot_be_approved_and_an_approved_one_rests(expiry: Expiry) -> None:
    scan, bookings = await held(expiry)
    with pytest.raises(AutoCancelDisabled):
        await expiry.approved(scan, enabled=False)
    await expiry.approved(scan)
    assert await expiry.carry_out(expiry.running(enabled=False)) == []
    assert await expiry.carry_out(expiry.running()) == bookings


async def test_an_approved_scan_goes_on_after_a_restart_and_however_long_answers_take(expiry: Expiry) -> None:
    scan, bookings = await held(expiry)
    await expiry.approved(scan)
    running = replace(expiry.running(), in_flight=2)
    assert await expiry.carry_out(running) == bookings[:2]
    expiry.host.pass_by(HOUR.total_seconds())
    await expiry.carry_out(running)
    assert (await expiry.report(scan)).status == "running"
    assert await expiry.carry_out(expiry.running()) == bookings[2:]
