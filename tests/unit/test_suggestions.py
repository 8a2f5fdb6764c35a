"""Who is offered another slot, which ones, and in what order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from contracts.actors import Actor
from contracts.directory import ProviderLeaveSet
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    BookingSubmitted,
    CancellationReason,
    DeliveryConfirmed,
    Event,
    ReviewAdded,
    Status,
)
from contracts.message import Message
from contracts.parts import Suggestion
from services.directory.facts import Booking, Figures, Offer, Provider, fold
from services.directory.slots import Diary, Hours, Interval
from services.directory.suggestions import Cause, Market, command, needs_another_slot, suggest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 15, 3, 15, tzinfo=UTC)  # a Sunday, 09:00 in Nepal
VISIT = NOW + DAY
BOOKED, ASKED = UUID(int=1), UUID(int=2)
BOOKING = Booking(UUID(int=9), 3, "cancelled", ASKED, BOOKED, "plumbing", VISIT, VISIT + HOUR, Decimal("1500.00"), "NPR")
CAUSE = Cause("event:e", BOOKING, BOOKING.slot, NOW, "e", "sewabazaar/booking", "request")


def other(number: int, price: str = "1000.00", minutes: int = 60, service: int = 0, **changes: Any) -> Offer:
    """A service of provider `number`."""
    offer = Offer(UUID(int=service or 100 + number), UUID(int=number), "plumbing", Decimal(price), "NPR", minutes, active=True)
    return replace(offer, **changes)


def market(*offers: Offer, **figures: Figures) -> Market:
    """These offers, and what providers such as `p12` have done."""
    return Market.of(offers, [Provider(UUID(int=int(name[1:])), figures=done) for name, done in figures.items()])


def others(found: tuple[Suggestion, ...]) -> list[int]:
    return [suggestion.provider.int for suggestion in found if suggestion.kind == "other_provider"]


def own(found: tuple[Suggestion, ...]) -> list[datetime]:
    return [suggestion.booking_date for suggestion in found if suggestion.kind == "same_provider"]


def cancelled(reason: CancellationReason, previous: Status) -> BookingCancelled:
    return BookingCancelled(
        status="cancelled",
        previous_status=previous,
        cancellation_reason=reason,
        cancellation_note=None,
        cancelled_by="system:booking",
        cancelled_at=NOW,
        auto_cancelled=reason == "expired",
        booking_date=VISIT,
    )


@pytest.mark.parametrize(
    ("reason", "previous", "needs"),
    [
        ("declined", "pending", True),
        ("provider", "pending", True),
        ("provider", "confirmed", True),
        ("expired", "pending", True),
        ("expired", "confirmed", False),
        ("customer", "pending", False),
        ("admin", "confirmed", False),
        ("maintenance", "pending", False),
        ("payment-failed", "created", False),
        ("no_show_provider", "confirmed", False),
        ("no_show_customer", "confirmed", False),
    ],
)
def test_who_needs_another_slot(reason: CancellationReason, previous: Status, needs: bool) -> None:
    assert needs_another_slot(cancelled(reason, previous)) is needs


def test_nothing_but_a_cancellation_needs_another_slot() -> None:
    assert not needs_another_slot(BookingSubmitted(status="pending"))


def test_the_same_provider_comes_first_then_others_and_ranks_count_from_one() -> None:
    found = suggest(CAUSE, market(other(11), other(12), other(13), other(14)))
    assert [(s.kind, s.rank) for s in found] == [("same_provider", n) for n in (1, 2, 3)] + [("other_provider", n) for n in (4, 5, 6)]
    assert own(found) == [NOW, NOW + HOUR, NOW + 2 * HOUR]
    assert {s.booking_date for s in found[3:]} == {VISIT}


def test_the_slot_just_lost_is_not_offered_again() -> None:
    lost = replace(BOOKING, booking_date=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert own(suggest(Cause.cancelled(event(BookingSubmitted(status="pending")), lost), market())) == [NOW, NOW + 2 * HOUR, NOW + 3 * HOUR]


def test_the_same_service_costs_what_it_costs_now() -> None:
    (first, *_) = suggest(CAUSE, market(other(2, "1700.00", service=1, minutes=30)))
    assert (first.service, first.total_amount, first.ends_at - first.booking_date) == (BOOKED, Decimal("1700.00"), HOUR)
    (unknown, *_) = suggest(CAUSE, market())
    assert (unknown.service, unknown.total_amount, unknown.currency) == (BOOKED, Decimal("1500.00"), "NPR")


def test_another_providers_service_has_its_own_price_and_duration() -> None:
    found = suggest(CAUSE, market(other(11, "900.00", minutes=90, currency="USD")))
    assert found[-1].model_dump(exclude={"rank"}) == {
        "kind": "other_provider",
        "provider": UUID(int=11),
        "service": UUID(int=111),
        "booking_date": VISIT,
        "ends_at": VISIT + timedelta(minutes=90),
        "total_amount": Decimal("900.00"),
        "currency": "USD",
        "rating": None,
    }


def test_an_inactive_provider_or_service_is_not_offered() -> None:
    away = Market.of([other(11)], [Provider(id_, active=False) for id_ in (ASKED, UUID(int=11))])
    assert suggest(CAUSE, away) == ()
    assert suggest(CAUSE, market(other(2, service=1, active=False), other(12, active=False), other(13, category="tutoring"))) == ()


def test_the_provider_who_is_lost_is_nobody_else() -> None:
    assert others(suggest(CAUSE, market(other(2, service=5), other(11)))) == [11]


def test_nobody_else_is_free_at_a_time_that_has_passed() -> None:
    late = replace(CAUSE, at=VISIT + timedelta(microseconds=1))
    assert others(suggest(late, market(other(11)))) == []
    assert others(suggest(replace(CAUSE, at=VISIT), market(other(11)))) == [11]


def test_others_are_free_over_their_own_duration_in_their_own_hours() -> None:
    evening = Provider(UUID(int=12), diary=Diary(Hours(weekly={"mon": [["18:00", "20:00"]]})))
    taken = Provider(UUID(int=13), diary=Diary(busy=(Interval(VISIT + HOUR, VISIT + 2 * HOUR),)))
    offers = [other(11, minutes=9 * 60 + 1), other(12), other(13, minutes=61), other(14, minutes=60)]
    assert others(suggest(CAUSE, Market.of(offers, [evening, taken]))) == [14]


def test_others_come_by_rating_then_completion_rate_then_price_then_id_with_none_last() -> None:
    best, good, reliable, poor = Figures(0, 0, 1, 5), Figures(1, 3, 2, 8), Figures(9, 1, 1, 4), Figures(0, 4, 1, 4)
    offers = [other(n, price) for n, price in ((17, "5.00"), (16, "5.00"), (15, "1.00"), (14, "9.00"), (13, "9.00"), (12, "9.00"))]
    done = {"p12": best, "p13": reliable, "p14": good, "p15": Figures(0, 4), "p16": Figures(), "p17": Figures(), "p18": poor}
    known = market(*offers, other(18), **done)
    assert others(suggest(CAUSE, known)) == [12, 13, 14]
    assert [offer.provider.int for offer in known.ranked["plumbing"]] == [12, 13, 14, 18, 15, 16, 17]


def test_of_a_providers_services_the_cheapest_for_which_there_is_time_is_offered() -> None:
    offers = [other(11, "1.00", minutes=600, service=201), other(11, "3.00", service=202), other(11, "2.00", service=203)]
    assert [s.service.int for s in suggest(CAUSE, market(*offers)) if s.kind == "other_provider"] == [203]


@given(st.permutations([other(n, f"{n % 3}.00") for n in range(11, 18)]))
def test_the_order_of_what_is_known_decides_nothing(offers: list[Offer]) -> None:
    done = {"p12": Figures(1, 1, 3, 13), "p13": Figures(1, 1, 3, 13)}
    assert suggest(CAUSE, market(*offers, **done)) == suggest(CAUSE, market(*sorted(offers, key=lambda o: o.id), **done))


def test_a_mean_rating_has_two_decimals_rounded_half_up() -> None:
    assert Figures(ratings=3, stars=14).mean_rating == Decimal("4.67")
    assert Figures(ratings=8, stars=25).mean_rating == Decimal("3.13")
    (first, *_) = suggest(CAUSE, market(p2=Figures(ratings=3, stars=13)))
    assert first.rating == 4.33


def event(data: Event, version: int = 3) -> Message[Event]:
    return Message("e", "sewabazaar/booking", str(BOOKING.id), NOW, Actor.system("booking"), data, "request", aggregate_version=version)


def leave(id_: int, reason: str = "Dashain") -> Message[ProviderLeaveSet]:
    data = ProviderLeaveSet(id=UUID(int=id_), provider=ASKED, from_=date(2026, 11, 16), to=date(2026, 11, 18), reason=reason)
    return Message(f"m-{reason}", "people", f"leave:{data.id}", NOW, Actor("upstream", "people"), data)


def test_a_command_says_what_it_answers_and_its_id_follows_from_that_alone() -> None:
    sent = command(CAUSE, suggest(CAUSE, market()))
    assert (sent.source, str(sent.actor), sent.subject) == ("sewabazaar/directory", "system:directory", str(BOOKING.id))
    assert (sent.time, sent.causation_id, sent.causation_source, sent.correlation_id) == (NOW, "e", "sewabazaar/booking", "request")
    assert sent.id == command(CAUSE, ()).id
    assert sent.id != command(replace(CAUSE, booking=replace(BOOKING, id=UUID(int=8))), ()).id
    assert sent.id != command(replace(CAUSE, key="event:f"), ()).id


def test_the_same_leave_set_again_is_the_same_cause() -> None:
    lost = Interval(VISIT - HOUR, VISIT + DAY)
    first, again, another = (Cause.leave(message, BOOKING, lost, NOW) for message in (leave(5), leave(5, "Tihar"), leave(6)))
    assert first.key == again.key != another.key
    assert {s.booking_date for s in suggest(first, market())} == {NOW, NOW + HOUR, NOW + 2 * HOUR}


def test_a_booking_is_folded_from_its_events() -> None:
    facts = {"customer": UUID(int=3), "provider": ASKED, "service": BOOKED, "category": "plumbing", "booking_date": VISIT}
    created = BookingCreated(status="created", duration_minutes=60, total_amount=Decimal("1500.00"), **facts)  # type: ignore[arg-type]
    moved = VISIT + DAY
    told: list[Event] = [
        created,
        BookingAccepted(status="confirmed", booking_date=moved, ends_at=moved + 2 * HOUR),
        DeliveryConfirmed(status="awaiting_confirmation", confirmed_by="system:booking", amount_due=Decimal("0.00")),
        BookingCompleted(status="completed", completed_at=moved, captured=Decimal("0.00"), auto_confirmed=True),
        ReviewAdded(status="completed", rating=4),
    ]
    booking: Booking | None = None
    for version, data in enumerate(told, 1):
        booking = fold(booking, BOOKING.id, version, data)
    expected = replace(BOOKING, version=5, status="completed", booking_date=moved, ends_at=moved + 2 * HOUR, rating=4)
    assert booking == expected
    assert (Figures.of(booking), expected.takes_time) == (Figures(1, 0, 1, 4), False)


def test_events_of_a_booking_whose_creation_was_not_seen_are_nothing() -> None:
    assert fold(None, BOOKING.id, 2, BookingSubmitted(status="pending")) is None
