"""What leaves through the outbox: events as the log keeps them, and answers that tell nobody more than it may know."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from contracts.actors import Actor
from contracts.message import Message
from contracts.rejections import CommandRejected
from contracts.wire import Sources, decode
from services.booking import store
from tests.builders import (
    ADMIN,
    CUSTOMER,
    DEADLINE,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    START,
    STRANGER,
    SYSTEM,
    accept,
    bookings,
    cancel,
    create,
    evidence,
    expire,
    facts,
    received,
)
from tests.integration.booking_service import Service, opened

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def published(service: Service) -> list[Message[Any]]:
    """What waits in the outbox, as a consumer of its topics reads it."""
    async with service.engine.connect() as connection:
        rows = await store.waiting(connection, 100)
    sources, now = Sources(), datetime.now(UTC)
    return [cast(Message[Any], decode(r.topic, r.key, r.headers, r.value, sources=sources, host_now=now)) for r in rows]


async def answer(service: Service) -> CommandRejected:
    """The only rejection."""
    (rejected,) = [m.data for m in await published(service) if isinstance(m.data, CommandRejected)]
    return rejected


async def test_events_leave_in_order_with_what_the_log_holds(service: Service) -> None:
    (booking,) = bookings(1)
    made, taken = create(booking), replace(accept(booking), correlation_id="c-1", traceparent=TRACE)
    await service.settle(made, taken)
    events = await published(service)
    assert [(m.name, m.aggregate_version, m.actor) for m in events] == [
        ("BookingCreated", 1, CUSTOMER),
        ("BookingSubmitted", 2, SYSTEM),
        ("BookingAccepted", 3, PROVIDER),
    ]
    assert [(m.causation_id, m.causation_source, m.correlation_id, m.traceparent) for m in events] == [
        (made.id, "shop", made.id, None),
        (made.id, "shop", made.id, None),
        (taken.id, "shop", "c-1", TRACE),
    ]
    assert {(m.subject, m.time, m.source) for m in events} == {(str(booking), NOW, "sewabazaar/booking")}


async def test_a_creations_event_says_all_that_was_asked_for(service: Service) -> None:
    (booking,) = bookings(1)
    asked = facts(notes='नल चुहिन्छ — "kitchen" \\ \n', payment_method="sandbox", prepaid=True)
    await service.settle(create(booking, **asked))
    (event,) = await published(service)
    assert event.data.model_dump(include=set(asked)) == asked


async def test_an_expirys_event_keeps_the_evidence(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking), expire(booking))
    *_, event = await published(service)
    assert (event.actor, event.data.evidence, event.data.expired_at) == (EXPIRY, evidence(), DEADLINE)
    assert await service.rows("select expired_at, auto_cancelled, cancelled_at from booking.bookings") == [(DEADLINE, True, NOW)]


async def test_the_instant_of_an_event_is_the_business_clocks_when_it_was_decided(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(replace(create(booking), time=NOW - 100 * HOUR))
    service.clock.instant = NOW + HOUR
    await service.settle(accept(booking))
    assert [m.time for m in await published(service)] == [NOW, NOW, NOW + HOUR]
    columns = "select created_at, updated_at, last_status_update_at from booking.bookings"
    assert await service.rows(columns) == [(NOW, NOW + HOUR, NOW + HOUR)]


async def test_a_row_is_the_booking_that_its_events_make(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking, notes="x"), accept(booking), cancel(booking, reason="ill"))
    row = dict(await service.eye.fetchrow("select * from booking.bookings") or {})
    changed = {"status": "cancelled", "version": 4, "cancellation_reason": "customer", "cancellation_note": "ill", "auto_cancelled": False}
    assert row.items() >= {**facts(notes="x"), **changed, "cancelled_by": str(CUSTOMER), "cancelled_at": NOW, "booking_date": START}.items()


async def test_a_rejection_names_the_command_and_what_the_sender_could_do_instead(service: Service) -> None:
    (booking,) = bookings(1)
    refused = accept(booking, ADMIN, expected_version=1)
    await service.settle(create(booking), refused)
    rejected = await answer(service)
    assert (rejected.command_id, rejected.command_source, rejected.command_type) == (refused.id, "shop", "sewabazaar.AcceptBooking.v1")
    assert rejected.payload_hash == received(refused).message.payload_hash.hex()  # type: ignore[union-attr]
    assert (rejected.code, rejected.status, rejected.version, rejected.actor) == ("version-conflict", "pending", 2, str(ADMIN))
    assert rejected.allowed[:3] == ("AcceptBooking", "DeclineBooking", "CancelBooking")


@pytest.mark.parametrize(
    ("actor", "code"), [(RIVAL, "not-found"), (STRANGER, "not-found"), (CUSTOMER, "forbidden"), (PROVIDER, "slot-taken")]
)
async def test_only_the_parties_learn_where_a_booking_stands(service: Service, actor: Actor, code: str) -> None:
    first, booking = bookings(2)
    await service.settle(create(first), accept(first), create(booking), accept(booking, actor))
    rejected = await answer(service)
    known = code != "not-found"
    assert (rejected.code, rejected.status, rejected.version) == (code, "pending" if known else None, 2 if known else None)
    assert bool(rejected.allowed) == known


async def test_who_guesses_a_bookings_id_learns_nothing_of_it(service: Service) -> None:
    (booking,) = bookings(1)
    guess = create(booking, STRANGER, customer=UUID(STRANGER.id))
    assert await service.settle(create(booking), guess) == ["handled", "refused"]
    rejected = await answer(service)
    assert (rejected.code, rejected.status, rejected.version, rejected.allowed) == ("already-exists", None, None, ())
