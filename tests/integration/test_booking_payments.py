"""Payment facts on their way through the database: parked, deduplicated, and racing with commands for one booking."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from contracts.message import Message
from contracts.values import Contract
from services.booking.app import bury_orphans, settle_arrived
from services.booking.handlers import PAYMENTS_GROUP
from tests.builders import CUSTOMER, MINUTE, PROVIDER, accept, bookings, cancel, confirm, create, deliver, dispute
from tests.integration.booking_service import Service, opened
from tests.payment_facts import CARD, authorized, captured, failed, refund_requested, refund_settled, voided

DELIVERED = ["BookingCreated", "BookingSubmitted", "BookingAccepted", "ServiceDelivered", "ConfirmationRequested"]


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def money(service: Service, booking: UUID) -> dict[str, Any]:
    """The money's columns."""
    columns = "payment_status, authorized::text, captured::text, refunded::text, refund_requested::text, paid_with"
    return dict(await service.eye.fetchrow(f"select {columns} from booking.bookings where id = $1", booking) or {})


async def test_an_authorisation_submits_and_a_capture_completes(service: Service) -> None:
    (booking,) = bookings(1)
    assert await service.settle(create(booking, prepaid=True, payment_method=CARD)) == ["handled"]
    assert await service.status(booking) == ("created", 1)
    assert await service.pay(authorized(booking)) == ["handled"]
    assert await service.settle(accept(booking), deliver(booking), confirm(booking)) == ["handled"] * 3
    assert await service.pay(captured(booking, "500.00"), captured(booking, "1000.00")) == ["handled", "handled"]
    assert (await service.events())[-4:] == ["DeliveryConfirmed", "PaymentRecorded", "PaymentRecorded", "BookingCompleted"]
    assert await money(service, booking) == {
        "payment_status": "captured",
        "authorized": "1500.00",
        "captured": "1500.00",
        "refunded": "0.00",
        "refund_requested": "0.00",
        "paid_with": CARD,
    }


async def test_an_authorisation_that_fails_for_good_cancels(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking, prepaid=True, payment_method=CARD))
    assert await service.pay(failed(booking, terminal=False), failed(booking)) == ["handled", "handled"]
    assert await service.events() == ["BookingCreated", "PaymentRecorded", "PaymentRecorded", "BookingCancelled"]
    assert await service.rows("select status, cancellation_reason, cancelled_by from booking.bookings") == [
        ("cancelled", "payment-failed", "system:booking")
    ]


async def test_a_fact_has_one_effect_under_its_identity_and_under_its_reference(service: Service) -> None:
    (booking,) = bookings(1)
    paid, other = captured(booking, "500.00", "gw-same"), captured(booking, "500.00", "gw-same")
    assert await service.settle(create(booking)) == ["handled"]
    assert await service.pay(paid, paid, other) == ["handled", "duplicate", "unchanged"]
    assert await service.pay(paid, other) == ["duplicate", "duplicate"]
    await service.eye.execute("delete from booking.inbox")
    assert await service.pay(paid, other) == ["duplicate", "unchanged"]
    assert await service.pay(refund_requested(booking, "1.00"), refund_requested(booking, "1.00")) == ["handled", "unchanged"]
    assert await service.pay(refund_settled(booking, "1.00"), refund_settled(booking, "1.00")) == ["handled", "unchanged"]
    assert ((await money(service, booking))["captured"], await service.rejections()) == ("500.00", [])


async def test_another_fact_under_a_used_identity_is_buried(service: Service) -> None:
    (booking,) = bookings(1)
    paid = captured(booking)
    await service.settle(create(booking))
    assert await service.pay(paid, replace(voided(booking), id=paid.id)) == ["handled", "equivocation"]
    await service.eye.execute("delete from booking.inbox")
    assert await service.pay(replace(voided(booking), id=paid.id)) == ["equivocation"]


async def test_an_identity_names_one_message_whether_it_comes_as_a_command_or_as_a_fact(service: Service) -> None:
    (booking,) = bookings(1)
    paid = captured(booking)
    refused, impostor = (replace(each, source=paid.source) for each in (accept(booking, CUSTOMER), cancel(booking)))
    assert await service.settle(create(booking), refused) == ["handled", "refused"]
    assert await service.pay(replace(captured(booking), id=refused.id), paid) == ["equivocation", "handled"]
    assert await service.settle(replace(impostor, id=paid.id)) == ["equivocation"]
    assert (await service.status(booking), await service.rejections()) == (("pending", 3), ["forbidden"])


async def test_an_early_fact_waits_for_its_booking_in_arrival_order_with_the_commands(service: Service) -> None:
    (booking,) = bookings(1)
    early, taken = authorized(booking), accept(booking)
    assert [await service.pay(early), await service.settle(taken)] == [["parked"], ["parked"]]
    assert await service.settle(create(booking, prepaid=True, payment_method=CARD)) == ["handled"]
    assert await service.events() == ["BookingCreated", "PaymentRecorded", "BookingSubmitted", "BookingAccepted"]
    inbox = await service.inbox()
    assert (inbox[early.id], inbox[taken.id], await service.parked()) == ("handled", "handled", 0)


async def test_a_fact_that_waits_in_vain_is_an_orphan_of_its_own_group(service: Service) -> None:
    (booking,) = bookings(1)
    early = captured(booking)
    await service.pay(early)
    service.clock.instant += 15 * MINUTE
    await service.run_once(bury_orphans)
    (letter,) = await service.rows("select headers::text from booking.outbox where topic = 'dead-letters.v1'")
    assert all(word.encode().hex() in letter[0] for word in ("orphan", PAYMENTS_GROUP, "payment.events.v1"))
    assert (await service.parked(), await service.inbox()) == (0, {})
    assert await service.settle(create(booking)) == ["handled"]
    assert await service.pay(early) == ["handled"]


async def test_money_for_a_cancelled_booking_is_recorded_and_goes_back(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking), cancel(booking))
    assert await service.pay(captured(booking), refund_requested(booking)) == ["handled", "handled"]
    assert (await service.status(booking), (await money(service, booking))["payment_status"]) == (("cancelled", 5), "refund_pending")
    await service.pay(refund_settled(booking))
    assert (await service.status(booking), (await money(service, booking))["payment_status"]) == (("cancelled", 6), "refunded")


def stories(number: int) -> tuple[list[Message[Contract]], list[Message[Contract]], list[UUID]]:
    """For each of many bookings its work and its money, which end alike in whatever order they come together."""
    ids = bookings(number)
    work: list[Message[Contract]] = []
    paid: list[Message[Contract]] = []
    for n, booking in enumerate(ids):
        who = replace(PROVIDER, id=str(booking))
        work += [
            create(booking, provider=booking),
            accept(booking, who),
            deliver(booking, who),
            *([dispute(booking)] if n % 3 == 0 else []),
            confirm(booking),
        ]
        paid += [authorized(booking), captured(booking, "500.00"), captured(booking, "1000.00")]
    return work, paid, ids


def copied(messages: list[Message[Contract]], seed: int, size: int = 40) -> list[list[Message[Contract]]]:
    """The messages in batches, some of them again later, as redelivery does."""
    chance = random.Random(seed)
    batches = [messages[i : i + size] for i in range(0, len(messages), size)]
    return [again for batch in batches for again in ([batch, batch] if chance.random() < 0.5 else [batch])]


async def test_both_groups_and_all_processes_end_alike_whatever_overtakes(service: Service) -> None:
    work, paid, ids = stories(60)

    async def of(settling: Any, messages: list[Message[Contract]], seed: int) -> None:
        for batch in copied(messages, seed):
            await settling(*batch)

    with capture_logs() as lines:
        await asyncio.gather(of(service.settle, work, 1), of(service.settle, work, 2), of(service.pay, paid, 3), of(service.pay, paid, 4))
        await service.run_once(settle_arrived)
    assert [line for line in lines if line["event"] == "batch_failed"] == []
    ends = {await service.status(booking) for booking in ids[1::3]} | {await service.status(booking) for booking in ids[2::3]}
    assert (ends, {await service.status(booking) for booking in ids[::3]}) == ({("completed", 10)}, {("completed", 11)})
    assert (await service.parked(), await service.rejections()) == (0, [])
    assert (
        await service.value("select count(*) from booking.bookings where captured = total_amount and jsonb_array_length(entries) = 3") == 60
    )
