"""A command may come before its booking: it waits, is taken along in arrival order, and is buried when it waits in vain."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from contracts.commands import AcceptBooking
from contracts.message import Message
from services.booking.app import bury_orphans, settle_arrived
from services.booking.handlers import ORPHANS_AT_ONCE, settle
from services.runtime.db import transaction
from services.runtime.outbox import stored_headers
from tests.builders import MINUTE, NOW, TICK, accept, bookings, cancel, create, decline, received, record
from tests.integration.booking_service import Service, opened, words

PATIENCE = 15 * MINUTE


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def letters(service: Service) -> list[tuple[bytes, bytes, dict[str, bytes | None]]]:
    """Key, value and headers of the dead letters that wait to be published."""
    query = "select key, value, headers::text from booking.outbox where topic = 'dead-letters.v1' order by position"
    return [(key, value, dict(stored_headers(json.loads(headers)))) for key, value, headers in await service.rows(query)]


async def overtake(service: Service, booking: UUID) -> Message[AcceptBooking]:
    """Park a command while the creation of its booking is not committed yet."""
    early = accept(booking)
    async with transaction(service.engine) as connection:
        await service.prepare([received(early)])
        assert words(await settle(connection, [received(create(booking))], service.clock.now())) == ["handled"]
        assert await service.settle(early) == ["parked"]
    return early


async def test_an_early_command_waits_and_is_no_event_nor_rejection(service: Service) -> None:
    (booking,) = bookings(1)
    early = accept(booking)
    assert await service.settle(early) == ["parked"]
    assert (await service.parked(), await service.events(), await service.rejections()) == (1, [], [])
    assert await service.inbox() == {early.id: "parked"}


async def test_the_creation_takes_waiting_commands_along_in_arrival_order(service: Service) -> None:
    (booking,) = bookings(1)
    taken, off, late = accept(booking), cancel(booking), decline(booking)
    await service.settle(taken, off)
    await service.settle(late)
    made = create(booking)
    assert await service.settle(made) == ["handled"]
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted", "BookingCancelled"]
    assert await service.inbox() == {taken.id: "handled", off.id: "handled", late.id: "refused", made.id: "handled"}
    assert await service.parked() == 0


async def test_a_command_and_then_its_creation_in_one_batch_are_settled_together(service: Service) -> None:
    one, two = bookings(2)
    fates = await service.settle(accept(one), cancel(two), create(one), cancel(one), create(two))
    assert fates == ["handled", "handled", "handled", "handled", "handled"]
    assert await service.events(one) == ["BookingCreated", "BookingSubmitted", "BookingAccepted", "BookingCancelled"]
    assert await service.events(two) == ["BookingCreated", "BookingSubmitted", "BookingCancelled"]
    assert await service.parked() == 0


async def test_what_waited_comes_before_what_arrives_with_the_creation(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(accept(booking))
    assert await service.settle(cancel(booking), create(booking)) == ["handled", "handled"]
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted", "BookingCancelled"]


async def test_a_waiting_command_that_comes_again_waits_once(service: Service) -> None:
    (booking,) = bookings(1)
    early = accept(booking)
    assert await service.settle(early, early) == ["parked", "duplicate"]
    assert await service.settle(early) == ["duplicate"]
    assert await service.settle(replace(cancel(booking), id=early.id)) == ["equivocation"]
    await service.settle(create(booking))
    assert await service.status(booking) == ("confirmed", 3)


async def test_a_creation_that_is_refused_leaves_the_others_waiting(service: Service) -> None:
    (booking,) = bookings(1)
    unpayable = create(booking, prepaid=True, payment_method="cash")
    assert await service.settle(accept(booking), unpayable) == ["parked", "refused"]
    assert (await service.parked(), await service.rejections()) == (1, ["money-inconsistent"])


async def test_the_loop_settles_what_was_parked_while_its_booking_was_created(service: Service) -> None:
    one, two = bookings(2)
    early = await overtake(service, one)
    assert await service.settle(accept(two)) == ["parked"]
    assert not await service.run_once(settle_arrived)
    assert await service.status(one) == ("confirmed", 3)
    assert (await service.parked(), (await service.inbox())[early.id]) == (1, "handled")


async def test_what_was_parked_while_its_booking_was_created_comes_before_a_later_command(service: Service) -> None:
    (booking,) = bookings(1)
    await overtake(service, booking)
    assert await service.settle(cancel(booking)) == ["handled"]
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted", "BookingCancelled"]
    assert await service.parked() == 0


async def test_a_waiting_command_counts_as_parked_and_later_with_its_fate(service: Service) -> None:
    one, two = bookings(2)
    before = {fate: counted("AcceptBooking", fate) for fate in ("parked", "handled", "buried")}
    await service.apply(accept(one), accept(two))
    await service.apply(create(one))
    service.clock.instant += PATIENCE
    await service.run_once(bury_orphans)
    assert {fate: counted("AcceptBooking", fate) - was for fate, was in before.items()} == {"parked": 2, "handled": 1, "buried": 1}


async def test_what_waited_is_not_counted_by_a_batch_that_dies(service: Service) -> None:
    (booking,) = bookings(1)
    await service.apply(accept(booking))
    before = counted("AcceptBooking", "handled")
    with suppress(ConnectionResetError):
        async with transaction(service.engine) as connection:
            await settle(connection, [received(create(booking))], NOW)
            raise ConnectionResetError
    assert counted("AcceptBooking", "handled") == before
    await service.settle(create(booking))
    assert counted("AcceptBooking", "handled") == before + 1


def counted(name: str, fate: str) -> float:
    """How many commands of this name met this fate."""
    return REGISTRY.get_sample_value("commands_total", {"type": name, "outcome": fate}) or 0.0


async def test_an_orphan_is_buried_after_fifteen_minutes_of_business_time(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(accept(booking))
    service.clock.instant += PATIENCE - TICK
    assert not await service.run_once(bury_orphans)
    assert await service.parked() == 1
    service.clock.instant += TICK
    await service.run_once(bury_orphans)
    assert (await service.parked(), len(await letters(service))) == (0, 1)
    await service.run_once(bury_orphans)
    assert len(await letters(service)) == 1


async def test_an_orphans_letter_carries_the_original_bytes_and_headers(service: Service) -> None:
    (booking,) = bookings(1)
    early = accept(booking)
    carrier = record(early, 42, partition=3, headers=(*early.headers(), ("odd", None), ("raw", b"\xff\xfe"), ("odd", b"again")))
    carrier = replace(carrier, value=b'{ "expected_version" : null, "more": 1 }')
    await service.worker().apply([carrier])
    service.clock.instant += PATIENCE
    await service.run_once(bury_orphans)
    ((key, value, headers),) = await letters(service)
    assert (key, value) == (carrier.key, carrier.value)
    assert headers.items() >= dict(carrier.headers).items()
    told = {name: headers[name] for name in ("x-dlq-reason", "x-src-topic", "x-src-partition", "x-src-offset", "x-consumer-group")}
    assert list(told.values()) == [b"orphan", b"booking.commands.v1", b"3", b"42", b"booking.commands"]


async def test_a_buried_orphan_may_be_sent_again_under_its_identity(service: Service) -> None:
    (booking,) = bookings(1)
    early = accept(booking)
    await service.settle(early)
    service.clock.instant += PATIENCE
    await service.run_once(bury_orphans)
    assert await service.inbox() == {}
    assert await service.settle(create(booking), early) == ["handled", "handled"]


async def test_what_waited_long_for_a_booking_that_has_come_is_no_orphan(service: Service) -> None:
    (booking,) = bookings(1)
    await overtake(service, booking)
    service.clock.instant += timedelta(days=1)
    await service.run_once(bury_orphans)
    assert (await service.parked(), await letters(service)) == (1, [])


async def test_orphans_of_many_bookings_are_buried_a_batch_at_a_time(service: Service) -> None:
    ids = bookings(ORPHANS_AT_ONCE + 1)
    assert set(await service.settle(*(cancel(booking) for booking in ids))) == {"parked"}
    service.clock.instant += PATIENCE
    assert await service.run_once(bury_orphans)
    assert await service.parked() == 1
    await service.run_once(bury_orphans)
    buried = await letters(service)
    assert len({headers["x-dlq-id"] for _, _, headers in buried}) == len(buried) == len(ids)


async def test_what_another_process_is_settling_is_no_orphan(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(accept(booking))
    service.clock.instant += PATIENCE
    async with transaction(service.engine) as other:
        await settle(other, [received(create(booking))], service.clock.now())
        await service.run_once(bury_orphans)
    assert await service.status(booking) == ("confirmed", 3)
    assert await letters(service) == []
