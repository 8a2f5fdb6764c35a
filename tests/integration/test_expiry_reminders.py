"""Reminders on a real PostgreSQL: each once, at its instant, and none of a request that was answered or has lapsed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from contracts.deadlines import LapseReminderDue
from contracts.ids import new_id
from contracts.message import Message
from services.expiry import store
from services.expiry.grace import Policy
from services.expiry.policies import Policies
from services.expiry.reminding import Reminding
from services.runtime.db import open_engine
from tests.integration.expiry_history import (
    BOOKED_FOR,
    CUSTOMER,
    DAY,
    HOUR,
    TICK,
    Expiry,
    accepted,
    expired,
    maintained,
    moved,
    noted,
    read,
    requested,
)

DEADLINE = BOOKED_FOR + DAY


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=3, name="test")
    yield Expiry(engine)
    await engine.dispose()


async def remind(expiry: Expiry, now: datetime, batch: int = 500) -> list[tuple[UUID, float]]:
    """Remind of everything that is due at `now`; return what is new in the outbox, booking and lead."""
    before, reminding, more = len(await queued(expiry)), Reminding(expiry.current, batch), True
    while more:
        async with expiry.engine.begin() as connection:
            more = await reminding.run_once(connection, now)
    return [(UUID(message.subject), message.data.hours_before) for message in (await queued(expiry))[before:]]


async def queued(expiry: Expiry) -> list[Message[LapseReminderDue]]:
    async with expiry.engine.connect() as connection:
        return [read(record) for record in await store.waiting(connection, 1000)]  # type: ignore[misc]


async def redate(expiry: Expiry, policies: Policies, now: datetime) -> None:
    expiry.policies = policies
    await expiry.redate(now)


async def test_each_reminder_comes_once_and_not_a_microsecond_early(expiry: Expiry) -> None:
    booking, first, second = new_id(), DEADLINE - DAY, DEADLINE - 2 * HOUR
    await expiry.hears(*requested(booking))
    instants = [first - TICK, first, first, second - TICK, second, DEADLINE, DEADLINE + DAY]
    assert [await remind(expiry, now) for now in instants] == [[], [(booking, 24)], [], [], [(booking, 2)], [], []]


async def test_a_reminder_says_when_which_version_lapses(expiry: Expiry) -> None:
    booking, now = new_id(), DEADLINE - 2 * HOUR
    await expiry.hears(*requested(booking), noted(booking, 3))
    await remind(expiry, now)
    (message,) = await queued(expiry)
    assert message.data == LapseReminderDue(expires_at=DEADLINE, hours_before=2, expected_version=3)
    assert (message.topic, message.source, str(message.actor), message.time) == (
        "deadline.events.v1",
        "sewabazaar/expiry",
        "system:expiry",
        now,
    )


async def test_after_a_standstill_only_the_nearest_reminder_is_given_and_none_after_the_deadline(expiry: Expiry) -> None:
    late, lapsed = new_id(), new_id()
    await expiry.hears(*requested(late), *requested(lapsed, BOOKED_FOR - 2 * HOUR))
    assert await remind(expiry, DEADLINE - HOUR) == [(late, 2)]
    assert await remind(expiry, DEADLINE) == []


async def test_a_booking_that_moved_on_ends_the_reminders(expiry: Expiry) -> None:
    taken, lapsed, cleared, asked = [new_id() for _ in range(4)]
    await expiry.hears(*(event for booking in (taken, lapsed, cleared, asked) for event in requested(booking)))
    await expiry.hears(accepted(taken, 3, at=DEADLINE - DAY), expired(lapsed, 3, DEADLINE), maintained(cleared, 3))
    assert await remind(expiry, DEADLINE - 2 * HOUR) == [(asked, 2)]


async def test_each_category_has_its_own_lead_times(expiry: Expiry) -> None:
    plumbing, tutoring = new_id(), new_id()
    expiry.policies = Policies(Policy("*", 24), {"tutoring": Policy("tutoring", 24, reminders=(5,))})
    await expiry.hears(*requested(plumbing), *requested(tutoring, category="tutoring"))
    assert [await remind(expiry, DEADLINE - hours * HOUR) for hours in (24, 5, 2)] == [[(plumbing, 24)], [(tutoring, 5)], [(plumbing, 2)]]


async def test_notes_leave_the_reminders_as_they_are(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    assert await remind(expiry, DEADLINE - DAY) == [(booking, 24)]
    await expiry.hears(noted(booking, 3))
    assert [await remind(expiry, now) for now in (DEADLINE - 3 * HOUR, DEADLINE - HOUR)] == [[], [(booking, 2)]]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_moved_deadline_has_its_own_reminders_but_not_those_already_past(expiry: Expiry, at_once: bool) -> None:
    booking, later, moved_at = new_id(), BOOKED_FOR + 5 * HOUR, BOOKED_FOR + 6 * HOUR
    history = [
        *requested(booking),
        moved(booking, 3, later, CUSTOMER, at=moved_at - 3 * HOUR),
        moved(booking, 4, later, CUSTOMER, at=moved_at),
    ]
    for batch in [history] if at_once else [[event] for event in history]:
        await expiry.hears(*batch)
    assert (await expiry.entry(booking)).expires_at == moved_at + DAY
    assert [await remind(expiry, moved_at + n * HOUR) for n in (1, 21, 22)] == [[], [], [(booking, 2)]]


async def test_an_index_built_anew_gives_the_same_reminders_under_the_same_ids(expiry: Expiry) -> None:
    history = [event for _ in range(2) for event in requested(new_id())]
    for _ in range(2):
        async with expiry.engine.begin() as connection:
            await connection.execute(text("truncate expiry.deadlines"))
        await expiry.hears(*history)
        for now in (DEADLINE - DAY, DEADLINE - HOUR):
            assert len(await remind(expiry, now)) == 2
    ids = [message.id for message in await queued(expiry)]
    assert (len(set(ids)), sorted(ids[:4])) == (4, sorted(ids[4:]))


async def test_other_policies_move_the_reminders_and_give_none_that_they_put_into_the_past(expiry: Expiry) -> None:
    booking, now = new_id(), BOOKED_FOR + HOUR
    await expiry.hears(*requested(booking))
    await redate(expiry, Policies(Policy("*", 48, reminders=(47.5, 10))), now)
    assert await remind(expiry, BOOKED_FOR + 37 * HOUR) == []
    assert await remind(expiry, BOOKED_FOR + 38 * HOUR) == [(booking, 10)]


async def test_policies_that_the_index_does_not_follow_yet_count(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    expiry.policies = Policies(Policy("*", 48))
    assert await remind(expiry, DEADLINE - HOUR) == []
    assert await remind(expiry, DEADLINE + DAY - 2 * HOUR) == [(booking, 2)]


async def test_a_reminder_that_such_policies_put_into_the_past_is_not_given(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    expiry.policies = Policies(Policy("*", 24, reminders=(30, 3)))
    assert await remind(expiry, DEADLINE - DAY) == []
    assert await remind(expiry, DEADLINE - 3 * HOUR) == [(booking, 3)]


async def test_reminders_that_are_late_are_not_lost_by_a_change_that_does_not_concern_them(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    await redate(expiry, Policies(Policy("*", 24), {"tutoring": Policy("tutoring", 2)}), DEADLINE - HOUR)
    assert await remind(expiry, DEADLINE - HOUR) == [(booking, 2)]


async def test_reminders_come_in_their_order_a_batch_at_a_time_and_once_from_two_processes(expiry: Expiry) -> None:
    bookings = [new_id() for _ in range(9)]
    await expiry.hears(*(e for n, booking in enumerate(bookings) for e in requested(booking, BOOKED_FOR - n * TICK)))
    async with expiry.engine.begin() as one, expiry.engine.begin() as two:
        for connection in (one, two):
            await asyncio.wait_for(Reminding(expiry.current, 4).run_once(connection, DEADLINE - DAY), 5)
    await remind(expiry, DEADLINE - DAY, batch=2)
    assert sorted(UUID(message.subject) for message in await queued(expiry)) == bookings
    assert [UUID(message.subject) for message in (await queued(expiry))[:4]] == bookings[:4:-1]
