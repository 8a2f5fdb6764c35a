"""Money on a real PostgreSQL: one capture and one refund each, whatever is repeated, forgotten or done by two at once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial

import pytest_asyncio

from contracts.events import Event
from contracts.message import Message
from contracts.payments import PaymentCaptured, RefundRequested, RefundSettled
from services.runtime.outcomes import Burial, Fate, Received
from tests.builders import NOW, record
from tests.eventually import aeventually
from tests.integration.payments_by_hand import Payments, opened
from tests.money import TOTAL, Story, late, policy

BACK = [(RefundRequested, TOTAL), (RefundSettled, TOTAL)]


@pytest_asyncio.fixture
async def payments(database_url: str) -> AsyncIterator[Payments]:
    async with opened(database_url) as composed:
        yield composed


async def test_cash_is_captured_and_goes_back_with_the_story_in_any_batches(payments: Payments) -> None:
    story = Story()
    await payments.hears(story.created(), story.confirmed())
    await payments.hears(*story.records(*await payments.published()))
    await payments.hears(story.overridden("cancelled"))
    assert await payments.told() == [(PaymentCaptured, TOTAL), *BACK]


async def test_what_is_published_says_who_for_which_booking_and_why(payments: Payments) -> None:
    story = Story()
    *before, cancelled = story.created(), story.paid(), story.cancelled("declined")
    await payments.hears(*before, cancelled)
    request, settlement = await payments.published()
    for message in (request, settlement):
        assert (message.source, str(message.actor), message.subject) == ("sewabazaar/payments", "system:payments", str(story.id))
        assert (message.causation_id, message.causation_source) == (cancelled.id, "sewabazaar/booking")
        assert message.correlation_id == "request-7"
    assert request.id != settlement.id


async def test_redelivery_and_a_group_reset_say_nothing_again(payments: Payments) -> None:
    story = Story()
    history = [story.created(), story.confirmed(), story.paid(), story.cancelled()]
    await payments.hears(*history)
    told = await payments.told()
    await payments.hears(history[-1])
    await payments.hears(*history)
    assert await payments.told() == told == [(PaymentCaptured, TOTAL), *BACK]
    assert await payments.query("select version from payments.accounts") == [(4,)]


async def test_what_is_derived_anew_is_the_same_message_under_the_same_id(payments: Payments) -> None:
    story = Story()
    history = [story.created(), story.confirmed(), story.paid(), story.cancelled(), story.paid(Decimal("5.00"))]
    await payments.hears(*history)
    first = await payments.published()
    await payments.query("truncate payments.accounts, payments.outbox")
    for event in history:
        await payments.hears(event)
    again = await payments.published()
    assert len(first) == 5
    assert [(m.identity, m.payload_hash) for m in again] == [(m.identity, m.payload_hash) for m in first]


async def overlap(payments: Payments, ours: list[Message[Event]], theirs: list[Message[Event]]) -> None:
    """Let one run of events end while another of the same booking waits for it."""
    worker = payments.worker("payments.events")
    batch = [reading for reading in map(worker.read, map(record, ours)) if isinstance(reading, Received)]
    async with payments.process.engine.begin() as connection:
        await worker.handle(connection, batch, NOW)
        second = asyncio.create_task(worker.apply([record(event) for event in theirs]))
        await aeventually(partial(payments.query, "select 1 from pg_locks where not granted"))
    await second


async def test_a_second_run_of_a_batch_at_the_same_time_says_nothing(payments: Payments) -> None:
    story = Story()
    events = [story.created(), story.paid(), story.cancelled()]
    await overlap(payments, events, events)
    assert await payments.told() == BACK


async def test_a_run_that_overlaps_another_says_only_what_is_new(payments: Payments) -> None:
    story, cents = Story(), Decimal("0.05")
    await payments.hears(story.created(), story.paid())
    events = [story.cancelled(), story.paid(cents)]
    await overlap(payments, events[:1], events)
    assert await payments.told() == [*BACK, (RefundRequested, cents), (RefundSettled, cents)]


async def test_the_fee_is_that_of_the_policy_in_force_when_the_cancel_was_decided(payments: Payments) -> None:
    await payments.hears(policy(1, 10, at=late(9)), policy(2, 33.333, at=late(5)), policy(1, 50, category="*", at=late(11)))
    refunds = []
    for hours in (10, 9, 5):
        story = Story()
        await payments.hears(story.created(), story.paid(), story.cancelled(at=late(hours)))
        refunds += [m.data for m in await payments.published() if isinstance(m.data, RefundRequested) and m.subject == str(story.id)]
    assert [(str(r.amount), str(r.fee)) for r in refunds] == [("750.00", "750.00"), ("1350.00", "150.00"), ("1000.00", "500.00")]


async def test_of_a_category_only_a_higher_version_counts(payments: Payments) -> None:
    await payments.hears(policy(2, 10), policy(2, 11), policy(1, 12))
    await payments.hears(policy(1, 13), policy(3, 14.5), policy(1, 15, category="tutoring"))
    rows = await payments.query("select category, version, cancel_fee_percent from payments.policies order by category, version")
    assert rows == [("plumbing", 2, 10), ("plumbing", 3, Decimal("14.5")), ("tutoring", 1, 15)]


async def test_an_account_survives_its_row(payments: Payments) -> None:
    story = Story("sandbox")
    await payments.hears(story.created(), story.paid(), story.asked_back(Decimal("200.10")), story.given_back(Decimal("200.10")))
    await payments.hears(story.held(), story.cancelled("expired"))
    assert await payments.told() == [(RefundRequested, Decimal("1299.90"))]
    (row,) = await payments.query("select version, status, payment_status, settled from payments.accounts")
    assert row == (6, "cancelled", "held", Decimal("200.10"))


async def test_an_event_that_cannot_follow_is_buried_and_other_bookings_go_on(payments: Payments) -> None:
    unknown, gap, known = Story(), Story(), Story()
    events = [gap.created(), known.created()]
    lost = [unknown.created(), gap.paid()]
    events += [unknown.cancelled(), gap.cancelled(), known.paid()]
    worker = payments.worker("payments.events")
    batch = [reading for reading in (worker.read(record(event)) for event in events) if isinstance(reading, Received)]
    outcomes = await worker.settle(batch)
    assert [event.aggregate_version for event in lost] == [1, 2]
    assert [o.reason if isinstance(o, Burial) else o for o in outcomes] == [Fate.HANDLED, Fate.HANDLED, "poison", "poison", Fate.HANDLED]
