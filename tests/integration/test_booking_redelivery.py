"""A message has one effect, however often it comes; another message under its identity has none and is buried."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from contracts.commands import CancelBooking
from services.booking.app import forget
from tests.builders import ADMIN, PROVIDER, RIVAL, STRANGER, accept, bookings, cancel, create, decline, expire
from tests.integration.booking_service import Service, opened


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def test_redelivery_changes_nothing(service: Service) -> None:
    (booking,) = bookings(1)
    batch = [create(booking), accept(booking), cancel(booking)]
    assert await service.settle(*batch) == ["handled"] * 3
    before = await service.digest(), await service.value("select count(*) from booking.outbox")
    assert await service.settle(*batch) == ["duplicate"] * 3
    assert await service.settle(*reversed(batch)) == ["duplicate"] * 3
    assert (await service.digest(), await service.value("select count(*) from booking.outbox")) == before


async def test_copies_within_a_batch_count_once(service: Service) -> None:
    (booking,) = bookings(1)
    made, taken = create(booking), accept(booking)
    assert await service.settle(made, made, taken, made, taken) == ["handled", "duplicate", "handled", "duplicate", "duplicate"]
    assert await service.events() == ["BookingCreated", "BookingSubmitted", "BookingAccepted"]


async def test_a_batch_of_several_bookings_keeps_the_order_of_each(service: Service) -> None:
    one, two = bookings(2)
    fates = await service.settle(create(two), create(one), accept(two), cancel(one), accept(one), cancel(two))
    assert fates == ["handled", "handled", "handled", "handled", "refused", "handled"]
    assert await service.status(one) == ("cancelled", 3)
    assert await service.status(two) == ("cancelled", 4)
    assert await service.rejections() == ["invalid-transition"]


async def test_another_message_under_a_used_identity_is_buried(service: Service) -> None:
    (booking,) = bookings(1)
    made = create(booking)
    assert await service.settle(made) == ["handled"]
    assert await service.settle(replace(cancel(booking), id=made.id)) == ["equivocation"]
    assert await service.status(booking) == ("pending", 2)
    assert await service.settle(made) == ["duplicate"]


async def test_an_impostor_does_not_free_the_identity_of_a_refused_command(service: Service) -> None:
    (booking,) = bookings(1)
    refused = accept(booking, RIVAL)
    assert await service.settle(create(booking), refused) == ["handled", "refused"]
    assert await service.settle(replace(cancel(booking), id=refused.id)) == ["equivocation"]
    assert await service.settle(refused) == ["duplicate"]
    assert await service.rejections() == ["not-found"]


async def test_of_two_messages_under_one_identity_in_a_batch_the_first_counts(service: Service) -> None:
    (booking,) = bookings(1)
    taken = accept(booking)
    impostor = replace(cancel(booking), id=taken.id)
    assert await service.settle(create(booking), taken, impostor, taken) == ["handled", "handled", "equivocation", "duplicate"]
    assert await service.status(booking) == ("confirmed", 3)


@pytest.mark.parametrize("change", [{"actor": ADMIN}, {"data": CancelBooking(reason="other")}], ids=["actor", "data"])
async def test_sender_and_data_belong_to_the_payload(service: Service, change: dict[str, object]) -> None:
    (booking,) = bookings(1)
    asked = cancel(booking)
    assert await service.settle(create(booking), asked, replace(asked, **change)) == ["handled", "handled", "equivocation"]  # type: ignore[arg-type]


async def test_the_same_id_from_another_source_is_another_message(service: Service) -> None:
    one, two = bookings(2)
    made = create(one)
    assert await service.settle(made, replace(create(two), id=made.id, source="elsewhere")) == ["handled", "handled"]


async def test_the_log_remembers_what_the_inbox_has_forgotten(service: Service) -> None:
    (booking,) = bookings(1)
    batch = [create(booking), accept(booking)]
    await service.settle(*batch)
    await service.eye.execute("delete from booking.inbox")
    assert await service.settle(*batch) == ["duplicate", "duplicate"]
    await service.eye.execute("delete from booking.inbox")
    assert await service.settle(replace(cancel(booking), id=batch[1].id)) == ["equivocation"]
    assert await service.status(booking) == ("confirmed", 3)


async def test_an_impostor_that_the_log_unmasks_does_not_take_the_claim(service: Service) -> None:
    (booking,) = bookings(1)
    made = create(booking)
    await service.settle(made)
    await service.eye.execute("delete from booking.inbox")
    assert await service.settle(replace(cancel(booking), id=made.id)) == ["equivocation"]
    assert await service.settle(made) == ["duplicate"]


async def test_what_is_refused_or_unchanged_is_remembered_and_answered_once(service: Service) -> None:
    (booking,) = bookings(1)
    again, refused, stranger = create(booking), accept(booking, RIVAL), cancel(booking, STRANGER)
    batch = [create(booking), again, refused, stranger]
    assert await service.settle(*batch) == ["handled", "unchanged", "refused", "refused"]
    assert await service.settle(*batch) == ["duplicate"] * 4
    assert await service.rejections() == ["not-found", "not-found"]
    assert await service.inbox() == {batch[0].id: "handled", again.id: "unchanged", refused.id: "refused", stranger.id: "refused"}


async def test_a_refused_command_stays_refused_when_it_would_be_possible_later(service: Service) -> None:
    (booking,) = bookings(1)
    early = expire(booking, version=3)
    assert await service.settle(create(booking), early) == ["handled", "refused"]
    await service.settle(accept(booking))
    assert await service.settle(early) == ["duplicate"]
    assert await service.status(booking) == ("confirmed", 3)


async def test_an_inbox_row_is_forgotten_after_its_days_unless_its_message_is_parked(service: Service) -> None:
    one, two = bookings(2)
    made, early = create(one), accept(two)
    await service.settle(made, early)
    await service.eye.execute("update booking.inbox set received_at = received_at - interval '31 days'")
    fresh = create(bookings(1)[0])
    await service.settle(fresh)
    async with service.engine.begin() as connection:
        assert await forget(30, connection, service.clock.now())
        assert not await forget(30, connection, service.clock.now())
    assert await service.inbox() == {early.id: "parked", fresh.id: "handled"}


async def test_each_event_remembers_its_cause(service: Service) -> None:
    (booking,) = bookings(1)
    asked = [create(booking), replace(decline(booking, PROVIDER), correlation_id="c-9")]
    await service.settle(*asked)
    causes = await service.rows("select cause_source, cause_id, correlation_id, actor from booking.log order by version")
    assert causes == [
        ("shop", asked[0].id, asked[0].id, str(asked[0].actor)),
        ("shop", asked[0].id, asked[0].id, "system:booking"),
        ("shop", asked[1].id, "c-9", str(PROVIDER)),
    ]
