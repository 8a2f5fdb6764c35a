"""The scan asks for the cancellation of what has lapsed: in order, not too often, and never too early."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from contracts.ids import new_id
from contracts.rejections import RejectionCode
from services.expiry import sweep as sweeping
from services.expiry.finding import find
from services.expiry.grace import Policy
from services.expiry.policies import Policies
from services.expiry.runs import Selection
from services.runtime.db import open_engine
from services.runtime.outcomes import Fate
from tests.integration.expiry_history import (
    BOOKED_FOR,
    CUSTOMER,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    TICK,
    Expiry,
    expired,
    moved,
    noted,
    requested,
)

DEADLINE = BOOKED_FOR + DAY


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=3, name="test")
    yield Expiry(engine)
    await engine.dispose()


async def some_due(expiry: Expiry, number: int) -> list[UUID]:
    """Index bookings that are due, in months and an order of their own; return them in the order of their deadlines."""
    months = [UUID(f"0197{month}00-0000-7000-8000-{n:012}") for n in range(number) for month in ("2e", "c8", "94")][:number]
    await expiry.hears(*(e for n, booking in enumerate(months) for e in requested(booking, BOOKED_FOR - (n * 7 % number) * MINUTE)))
    return [booking for _, booking in sorted((-(n * 7 % number), booking) for n, booking in enumerate(months))]


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("booking_expiry_commands_total", {"outcome": outcome}) or 0.0


async def test_the_command_carries_its_evidence(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking), moved(booking, 3, BOOKED_FOR, CUSTOMER, at=NOW - DAY))
    assert await expiry.scan(expiry.sweep()) == [booking]
    (command,) = expiry.sent
    assert (command.source, str(command.actor), command.time) == ("sewabazaar/expiry", "system:expiry", NOW)
    assert (command.data.expected_version, command.data.expires_at, command.data.valid_until) == (3, NOW, NOW + timedelta(seconds=60))
    told = command.data.evidence
    assert [(term.anchor, term.deadline) for term in told.terms] == [("booking_date", DEADLINE), ("last_status_update", NOW)]
    assert (told.expires_at, told.scan_id, told.observed_version) == (NOW, command.data.scan_id, 3)


async def test_a_booking_lapses_at_its_deadline_and_not_a_microsecond_earlier(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    assert await expiry.scan(expiry.sweep(), DEADLINE - TICK) == []
    assert await expiry.scan(expiry.sweep(), DEADLINE) == [booking]


async def test_bookings_with_equal_facts_get_commands_of_their_own(expiry: Expiry) -> None:
    await expiry.hears(*requested(new_id()), *requested(new_id()))
    await expiry.scan(expiry.sweep())
    assert len({command.id for command in expiry.sent}) == 2
    assert len({command.data.scan_id for command in expiry.sent}) == 1


async def test_a_scan_keeps_to_the_order_of_deadlines_across_batches_and_partitions(expiry: Expiry) -> None:
    in_order = await some_due(expiry, 40)
    assert await expiry.scan(expiry.sweep(batch=7)) == in_order
    async with expiry.engine.connect() as connection:
        assert [f.entry.booking for f in await find(connection, expiry.policies, Selection(NOW))] == in_order


async def test_equal_deadlines_go_in_the_order_of_their_ids(expiry: Expiry) -> None:
    bookings = [new_id() for _ in range(9)]
    await expiry.hears(*(e for booking in reversed(bookings) for e in requested(booking)))
    assert await expiry.scan(expiry.sweep(batch=2)) == bookings


async def test_without_an_answer_a_command_is_emitted_again_after_ten_seconds(expiry: Expiry) -> None:
    sweep, in_order = expiry.sweep(), await some_due(expiry, 3)
    orphaned = counted("orphaned")
    assert await expiry.scan(sweep) == in_order
    expiry.host.pass_by(9.9)
    assert await expiry.scan(sweep) == []
    expiry.host.pass_by(0.1)
    assert await expiry.scan(sweep) == in_order
    assert len({command.id for command in expiry.sent}) == 6
    assert counted("orphaned") - orphaned == 3


@pytest.mark.parametrize("code", ["stale-command", "version-conflict"])
async def test_the_next_scan_emits_again_what_came_too_late(expiry: Expiry, code: RejectionCode) -> None:
    sweep, (booking, _) = expiry.sweep(), await some_due(expiry, 2)
    await expiry.scan(sweep)
    refused = counted("refused")
    assert await expiry.is_refused(expiry.sent[0], code) == [Fate.HANDLED]
    assert await expiry.scan(sweep) == [booking]
    assert counted("refused") - refused == 1


async def test_after_another_refusal_the_next_try_waits(expiry: Expiry) -> None:
    sweep, (booking,) = expiry.sweep(), await some_due(expiry, 1)
    await expiry.scan(sweep)
    await expiry.is_refused(expiry.sent[0], "not-due")
    assert await expiry.scan(sweep) == []
    expiry.host.pass_by(10)
    assert await expiry.scan(sweep) == [booking]


async def test_rejections_of_other_commands_answer_nothing(expiry: Expiry) -> None:
    sweep, _ = expiry.sweep(), await some_due(expiry, 1)
    await expiry.scan(sweep)
    command = expiry.sent[0]
    assert await expiry.is_refused(replace(command, source="shop"), "stale-command") == [Fate.UNCHANGED]
    assert await expiry.is_refused(replace(command, id=str(new_id())), "stale-command") == [Fate.HANDLED]
    assert await expiry.scan(sweep) == []


async def test_a_cancellation_is_counted_once(expiry: Expiry) -> None:
    sweep, (booking,) = expiry.sweep(), await some_due(expiry, 1)
    handled = counted("handled")
    await expiry.scan(sweep)
    for _ in range(2):
        await expiry.hears(expired(booking, 3, DEADLINE, DEADLINE + MINUTE))
        assert await expiry.scan(sweep) == []
    assert counted("handled") - handled == 1


async def test_a_booking_that_moved_on_is_judged_by_what_it_is_now(expiry: Expiry) -> None:
    sweep, (touched, moved_away) = expiry.sweep(), await some_due(expiry, 2)
    await expiry.scan(sweep)
    refused = counted("refused")
    await expiry.hears(noted(touched, 3), moved(moved_away, 3, NOW, CUSTOMER, at=NOW))
    assert await expiry.scan(sweep) == [touched]
    assert expiry.sent[-1].data.expected_version == 3
    assert counted("refused") - refused == 2


async def test_two_sweepers_at_once_emit_each_command_once(expiry: Expiry) -> None:
    in_order = await some_due(expiry, 40)
    together = asyncio.Barrier(2)

    async def scan() -> None:
        sweep = expiry.sweep(batch=7)
        async with expiry.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            for _ in range(8):
                await together.wait()
                await sweep.run_once(connection, NOW)

    await asyncio.gather(scan(), scan())
    assert sorted(UUID(command.subject) for command in expiry.sent) == sorted(in_order)


async def test_longer_grace_never_cancels_early_though_the_index_is_not_dated_anew_yet(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    expiry.policies = Policies(Policy("*", 48))
    assert await expiry.scan(expiry.sweep(), DEADLINE) == []
    assert await expiry.scan(expiry.sweep(), BOOKED_FOR + 2 * DAY - TICK) == []
    assert await expiry.scan(expiry.sweep(), BOOKED_FOR + 2 * DAY) == [booking]
    assert expiry.sent[0].data.expires_at == BOOKED_FOR + 2 * DAY


async def test_what_is_not_due_under_new_settings_does_not_stop_the_scan(expiry: Expiry) -> None:
    in_order, late = await some_due(expiry, 5), new_id()
    await expiry.hears(*requested(late, category="tutoring"))
    expiry.policies = Policies(Policy("*", 48), {"tutoring": Policy("tutoring", 24)})
    sweep = expiry.sweep(batch=2)
    async with expiry.engine.connect() as connection:
        assert [await sweep.run_once(connection, NOW) for _ in range(4)] == [True, True, True, False]
    assert [UUID(command.subject) for command in expiry.sent] == [late]
    assert late not in in_order


async def test_shorter_grace_cancels_once_the_index_is_dated_anew(expiry: Expiry) -> None:
    booking, then = new_id(), BOOKED_FOR + 3 * HOUR
    await expiry.hears(*requested(booking))
    expiry.policies = Policies(Policy("*", 3))
    await expiry.redate(then)
    assert await expiry.scan(expiry.sweep(), then) == [booking]
    assert expiry.sent[0].data.evidence.terms[0].hours == 3


async def answers(expiry: Expiry, number: int) -> None:
    """The booking service cancels what it was asked to, the oldest commands first."""
    open_ones = [c for c in expiry.sent if (await expiry.entry(UUID(c.subject))).expires_at]
    await expiry.hears(*(expired(UUID(c.subject), 3, c.data.expires_at) for c in open_ones[:number]))


async def test_the_scan_waits_for_answers_and_goes_on_in_order(expiry: Expiry) -> None:
    sweep, in_order = expiry.sweep(in_flight=10, batch=4), await some_due(expiry, 25)
    assert await expiry.scan(sweep) == in_order[:10]
    assert await expiry.unanswered() == 10
    await answers(expiry, 3)
    assert await expiry.scan(sweep) == in_order[10:13]
    await answers(expiry, 10)
    assert await expiry.scan(sweep) == in_order[13:23]
    await answers(expiry, 10)
    assert await expiry.scan(sweep) == in_order[23:]


async def test_a_standstill_of_the_booking_service_never_lets_the_scan_run_ahead(expiry: Expiry) -> None:
    sweep, in_order = expiry.sweep(in_flight=10, batch=4), await some_due(expiry, 25)
    for _ in range(3):
        assert await expiry.scan(sweep) == in_order[:10]
        expiry.host.pass_by(10)
    assert await expiry.unanswered() == 10


async def test_the_window_widens_with_answers_and_narrows_without(expiry: Expiry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "NARROWEST_WINDOW", 100)
    sweep, in_order = replace(expiry.sweep(), window=100), await some_due(expiry, 450)
    assert await expiry.scan(sweep) == in_order[:100]
    await answers(expiry, 100)
    assert await expiry.scan(sweep) == in_order[100:300]
    await answers(expiry, 199)
    expiry.host.pass_by(10)
    assert await expiry.scan(sweep) == in_order[299:399]
    assert sweep.window == 100


async def test_refused_commands_leave_the_window_to_others(expiry: Expiry) -> None:
    sweep, in_order = expiry.sweep(in_flight=2), await some_due(expiry, 3)
    await expiry.scan(sweep)
    await expiry.is_refused(expiry.sent[0], "invalid-transition")
    assert await expiry.scan(sweep) == in_order[2:]


async def test_what_could_not_be_published_is_tried_again(expiry: Expiry) -> None:
    sweep, (booking,) = expiry.sweep(), await some_due(expiry, 1)

    async def broken(_records: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await expiry.scan(replace(sweep, publish=broken))
    assert await expiry.scan(sweep) == []
    expiry.host.pass_by(10)
    assert await expiry.scan(sweep) == [booking]


@pytest.mark.parametrize("days", [1, 40])
async def test_a_jump_of_the_business_clock_makes_everything_behind_it_due(expiry: Expiry, days: int) -> None:
    bookings = [new_id() for _ in range(4)]
    await expiry.hears(*(e for n, booking in enumerate(bookings) for e in requested(booking, NOW + n * HOUR)))
    jumped: datetime = NOW + (days + 1) * DAY
    assert await expiry.scan(expiry.sweep(), jumped) == bookings
    assert {command.data.valid_until for command in expiry.sent} == {jumped + MINUTE}
