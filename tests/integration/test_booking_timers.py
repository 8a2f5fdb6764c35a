"""What time alone brings about, in however many processes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest

from services.booking import store, timers
from services.booking.timers import confirm_unanswered, lapse_prepayments
from tests.builders import HOUR, NOW, SYSTEM, TICK, accept, bookings, cancel, confirm, create, deliver, dispute
from tests.integration.booking_service import Service, opened
from tests.payment_facts import CARD, authorized, captured


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        service.auto_confirm_after = timedelta(hours=48)
        yield service


async def test_a_pre_payment_that_nobody_authorises_lapses_after_an_hour(service: Service) -> None:
    waiting, paid, off, usual = bookings(4)
    prepaid = partial(create, prepaid=True, payment_method=CARD)
    await service.settle(prepaid(waiting), prepaid(paid), prepaid(off), cancel(off), create(usual))
    await service.pay(authorized(paid))
    service.clock.instant = NOW + HOUR - TICK
    assert not await service.run_once(lapse_prepayments)
    assert await service.status(waiting) == ("created", 1)
    service.clock.instant += TICK
    await service.run_once(lapse_prepayments)
    rows = await service.rows(
        "select cancellation_reason, cancelled_by, version from booking.bookings where status = 'cancelled' order by 1"
    )
    assert rows == [("customer", str(prepaid(off).actor), 2), ("payment-failed", str(SYSTEM), 2)]
    assert [await service.status(booking) for booking in (paid, usual)] == [("pending", 3), ("pending", 2)]


async def test_a_delivery_that_nobody_answers_counts_as_confirmed(service: Service) -> None:
    silent, paid, angry, glad = bookings(4)
    for n, booking in enumerate((silent, paid, angry, glad)):
        await service.settle(create(booking, booking_date=NOW - n * HOUR), accept(booking), deliver(booking))
    await service.pay(captured(paid))
    await service.settle(dispute(angry), confirm(glad))
    service.clock.instant = NOW + 48 * HOUR - TICK
    await service.run_once(confirm_unanswered)
    assert await service.status(paid) == ("awaiting_confirmation", 6)
    service.clock.instant += TICK
    await service.run_once(confirm_unanswered)
    rows = await service.rows("select id, status, version, auto_confirmed from booking.bookings order by id")
    assert rows == [
        (silent, "awaiting_confirmation", 6, True),
        (paid, "completed", 8, True),
        (angry, "awaiting_confirmation", 6, False),
        (glad, "awaiting_confirmation", 6, False),
    ]


async def test_a_confirmation_by_time_is_charged_like_any(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking), accept(booking), deliver(booking))
    service.clock.instant = NOW + 48 * HOUR
    await service.run_once(confirm_unanswered)
    last = await service.value("select payload::text from booking.log order by position desc limit 1")
    assert '"confirmed_by":"system:booking"' in last
    assert '"amount_due":"1500.00"' in last
    await service.pay(captured(booking))
    assert '"auto_confirmed":true' in await service.value("select payload::text from booking.log order by position desc limit 1")


async def test_without_the_setting_nobody_is_confirmed_for(service: Service) -> None:
    (booking,) = bookings(1)
    service.auto_confirm_after = None
    await service.settle(create(booking), accept(booking), deliver(booking))
    service.clock.instant = NOW + timedelta(days=3650)
    await service.run_once(confirm_unanswered)
    assert await service.status(booking) == ("awaiting_confirmation", 5)


async def test_processes_that_see_the_same_bookings_bring_about_one_effect(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = bookings(20)
    await service.settle(*(create(booking, prepaid=True, payment_method=CARD) for booking in ids))
    service.clock.instant = NOW + HOUR
    barrier, unpaid = asyncio.Barrier(3), store.unpaid

    async def together(*arguments: object) -> object:
        seen = await unpaid(*arguments)  # type: ignore[arg-type]
        await barrier.wait()
        return seen

    monkeypatch.setattr(store, "unpaid", together)
    await asyncio.gather(*(service.run_once(lapse_prepayments) for _ in range(3)))
    assert await service.events() == ["BookingCreated", "BookingCancelled"] * 20
    assert (await service.rejections(), len(await service.inbox())) == ([], 40)


async def test_a_booking_that_moved_on_meanwhile_is_left_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking, prepaid=True, payment_method=CARD))
    service.clock.instant = NOW + HOUR

    async def overtaken(*_: object) -> list[store.Seen]:
        await service.pay(authorized(booking))
        return [store.Seen(booking, 1)]

    monkeypatch.setattr(store, "unpaid", overtaken)
    await service.run_once(lapse_prepayments)
    assert (await service.status(booking), await service.rejections()) == (("pending", 3), ["version-conflict"])


async def test_more_than_one_round_takes_is_left_to_the_next(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "AT_ONCE", 2)
    await service.settle(*(create(booking, prepaid=True, payment_method=CARD) for booking in bookings(3)))
    service.clock.instant = NOW + HOUR
    assert [await service.run_once(lapse_prepayments) for _ in range(3)] == [True, False, False]
