"""Whatever is asked and paid, in whatever order and by whomever: the booking stays one that could have happened."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import combinations
from typing import TypeAlias, get_args

from hypothesis import example, given, strategies as st

from contracts.commands import Target
from contracts.events import BookingCompleted, BookingOverridden, BookingRescheduled, PaymentRecorded
from contracts.message import Message
from contracts.payments import PaymentFailed
from services.booking.fold import Fold
from services.booking.lifecycle import Cause, Facts, PaymentFact, Refusal, Unchanged, decide
from services.booking.money import ZERO
from services.booking.office import LapsePrepayment
from services.booking.state import OCCUPYING, Booking, Occurred, evolve
from services.booking.work import Work
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DIRECTORY,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    START,
    STRANGER,
    SYSTEM,
    TOTAL,
    UPSTREAM,
    accept,
    after,
    bookings,
    cancel,
    command,
    complete,
    confirm,
    create,
    decline,
    deliver,
    dispute,
    edit_notes,
    expire,
    maintain,
    no_show,
    override,
    reschedule,
    review,
    suggest,
    then,
)
from tests.payment_facts import authorized, captured, failed, refund_requested, refund_settled, voided

Asked: TypeAlias = tuple[Message[Cause], timedelta]
senders = st.sampled_from([CUSTOMER, PROVIDER, ADMIN, CUSTOMER, PROVIDER, ADMIN, STRANGER, RIVAL, UPSTREAM, EXPIRY, SYSTEM, DIRECTORY])
versions = st.integers(1, 6)
targets = st.sampled_from(get_args(Target))
amounts = st.sampled_from(["500.00", "1000.00", "1500.00"])
references = st.sampled_from(["a", "b", "c"])
requests = st.one_of(
    st.builds(lambda who, prepaid: create(BOOKING, who, prepaid=prepaid, payment_method="sandbox"), senders, st.booleans()),
    st.builds(lambda who, version: accept(BOOKING, who, version), senders, st.none() | versions),
    st.builds(lambda who: decline(BOOKING, who), senders),
    st.builds(lambda who: cancel(BOOKING, who), senders),
    st.builds(lambda who, days: reschedule(BOOKING, who, START + days * HOUR), senders, st.integers(-2, 2)),
    st.builds(lambda who: edit_notes(BOOKING, who), senders),
    st.builds(lambda who, version: maintain(BOOKING, who, version), senders, versions),
    st.builds(lambda version, late: expire(BOOKING, version, expires_at=START + late * HOUR), versions, st.integers(-1, 30)),
    st.builds(lambda ranks: suggest(BOOKING, ranks=ranks), st.integers(0, 2)),
    st.builds(lambda who: command(BOOKING, LapsePrepayment(), who), senders),
)
works = st.one_of(
    st.builds(lambda who: deliver(BOOKING, who), senders),
    st.builds(lambda who, rating: confirm(BOOKING, who, rating), senders, st.none() | st.integers(1, 5)),
    st.builds(lambda who: complete(BOOKING, who), senders),
    st.builds(lambda who: dispute(BOOKING, who), senders),
    st.builds(lambda who, whom: no_show(BOOKING, who, whom), senders, st.sampled_from([None, "customer", "provider"])),
    st.builds(lambda who: review(BOOKING, who), senders),
    st.builds(lambda target, refund: override(BOOKING, target, refund=refund), targets, st.none() | amounts),
)
facts = st.one_of(
    st.builds(lambda amount, ref: authorized(BOOKING, amount, ref), amounts, references),
    st.builds(
        lambda amount, ref, money: captured(BOOKING, amount, ref, money), amounts, references, st.sampled_from(["NPR"] * 9 + ["USD"])
    ),
    st.builds(lambda stage, final: failed(BOOKING, stage, terminal=final), st.sampled_from(["authorize", "capture"]), st.booleans()),
    st.builds(lambda: voided(BOOKING)),
    st.builds(lambda amount, ref: refund_requested(BOOKING, amount, ref), amounts, references),
    st.builds(lambda amount, ref: refund_settled(BOOKING, amount, ref), amounts, references),
)
asking = st.lists(st.tuples(st.one_of(requests, works, facts), st.timedeltas(timedelta(0), 3 * HOUR)), max_size=14)
begun = asking.map(lambda asked: [(create(BOOKING), HOUR), (accept(BOOKING), HOUR), *asked])
lives = st.one_of(asking, begun)
WHOLE: list[Asked] = [
    (each, HOUR / 60)
    for each in (
        create(BOOKING),
        accept(BOOKING),
        captured(BOOKING, "500.00"),
        reschedule(BOOKING, PROVIDER, START - HOUR),
        deliver(BOOKING),
        dispute(BOOKING),
        confirm(BOOKING),
        captured(BOOKING, "1000.00"),
        review(BOOKING),
        override(BOOKING, "awaiting_confirmation"),
        override(BOOKING, "cancelled"),
    )
]


def lived(asked: Sequence[Asked]) -> tuple[list[Booking], list[Occurred]]:
    """Every state that the booking went through, and every event."""
    booking: Booking | None = None
    states: list[Booking] = []
    events: list[Occurred] = []
    now = NOW - HOUR
    for message, passed in asked:
        now += passed
        for event in happened(booking, message, now):
            booking = evolve(booking, event)
            states.append(booking)
            events.append(event)
    return states, events


def happened(booking: Booking | None, message: Message[Cause], now: datetime) -> tuple[Occurred, ...]:
    decision = decide(booking, message, Facts(), now)
    return () if isinstance(decision, Refusal | Unchanged) else decision


def steps(states: Sequence[Booking], events: Sequence[Occurred]) -> list[tuple[Booking, Occurred, Booking]]:
    """Each later event between the states before and after it."""
    return list(zip(states, events[1:], states[1:], strict=False))


@given(lives)
@example(WHOLE)
def test_replaying_the_events_gives_the_live_state(asked: list[Asked]) -> None:
    states, events = lived(asked)
    replayed: Booking | None = None
    replayed = reduce(evolve, events, replayed)
    assert replayed == (states[-1] if states else None)


@given(lives)
@example(WHOLE)
def test_versions_are_gapless_from_one(asked: list[Asked]) -> None:
    states, events = lived(asked)
    assert [s.version for s in states] == [e.version for e in events] == list(range(1, len(events) + 1))


@given(lives)
@example(WHOLE)
def test_what_is_closed_stays_closed_but_for_an_override(asked: list[Asked]) -> None:
    for before, event, state in steps(*lived(asked)):
        if before.status in {"cancelled", "completed"} and state.status != before.status:
            assert isinstance(event.data, BookingOverridden)
            assert before.cancellation_reason in {None, "expired"}


@given(lives)
@example(WHOLE)
def test_only_a_cancelled_booking_says_when_why_and_by_whom(asked: list[Asked]) -> None:
    states, _ = lived(asked)
    for state in states:
        told = (state.cancelled_at, state.cancelled_by, state.cancellation_reason)
        assert {field is not None for field in told} == {state.status == "cancelled"}
        assert state.auto_cancelled == (state.cancellation_reason in {"expired", "maintenance"})
        assert (state.expired_at is not None) == (state.cancellation_reason == "expired")


@given(lives)
@example(WHOLE)
def test_only_a_persons_transition_or_move_counts_as_a_status_update(asked: list[Asked]) -> None:
    states, events = lived(asked)
    for before, event, state in steps(states, events):
        counts = event.actor.is_person and (state.status != before.status or isinstance(event.data, BookingRescheduled))
        assert state.last_status_update_at == (event.at if counts else before.last_status_update_at)
        assert (state.updated_at, state.created_at) == (event.at, events[0].at)


@given(lives)
@example(WHOLE)
def test_time_is_taken_exactly_from_confirmed_until_it_is_closed(asked: list[Asked]) -> None:
    states, _ = lived(asked)
    assert all((state.taken is not None) == (state.status in OCCUPYING) for state in states)


@given(lives)
@example(WHOLE)
def test_a_booking_is_completed_when_confirmed_undisputed_and_paid_or_by_an_override_that_finds_its_money(asked: list[Asked]) -> None:
    for before, event, state in steps(*lived(asked)):
        if isinstance(event.data, BookingCompleted):
            assert before.delivery_confirmed_at is not None
            assert (before.disputed, before.is_paid, event.data.captured) == (False, True, state.money.captured)
        if state.status == "completed" != before.status:
            assert TOTAL in {state.money.captured, state.money.kept}
            assert not state.money.is_held
            assert not state.disputed


@given(lives)
@example(WHOLE)
def test_no_booking_waits_for_what_the_system_does_by_itself(asked: list[Asked]) -> None:
    now = NOW
    booking: Booking | None = None
    for message, passed in asked:
        now += passed
        booking = reduce(evolve, happened(booking, message, now), booking)
        if booking is not None:
            assert booking.status != "service_delivered"
            assert not (booking.status == "created" and booking.is_secured)
            assert not (booking.awaits_money and booking.is_paid)


@given(lives)
@example(WHOLE)
def test_the_sums_are_those_of_the_amounts_recorded(asked: list[Asked]) -> None:
    states, events = lived(asked)
    recorded = [e.data for e in events if isinstance(e.data, PaymentRecorded)]
    sums = [sum((r.amount or ZERO for r in recorded if r.kind == kind), ZERO) for kind in ("PaymentCaptured", "RefundSettled")]
    refunds = {r.refund_id for r in recorded if r.refund_id}
    sums.append(sum((max(r.amount or ZERO for r in recorded if r.refund_id == refund) for refund in refunds), ZERO))
    if states:
        money = states[-1].money
        assert sums == [money.captured, money.refunded, money.refund_requested]
        assert money.authorized == sum((e.amount for e in money.entries if e.kind == "PaymentAuthorized"), ZERO)


@given(lives)
@example(WHOLE)
def test_a_payment_fact_is_never_refused_and_has_no_effect_a_second_time(asked: list[Asked]) -> None:
    for before, message, booking, now in progress([each for each in asked if isinstance(each[0].data, PaymentFact | Work)]):
        if isinstance(message.data, PaymentFact):
            assert not isinstance(decide(before, message, Facts(), now), Refusal)
            again = decide(booking, replace(message, id="copy"), Facts(), now)
            assert isinstance(again, Unchanged) or isinstance(message.data, PaymentFailed)


def progress(asked: Sequence[Asked]) -> Iterator[tuple[Booking, Message[Cause], Booking, datetime]]:
    """Each message between the states of an accepted booking before and after it, and when."""
    booking, now = after(create(BOOKING), accept(BOOKING)), NOW
    for message, passed in asked:
        before, now = booking, now + passed
        booking = reduce(evolve, happened(booking, message, now), booking)
        yield before, message, booking, now


PAID: list[Message[Cause]] = [
    authorized(BOOKING),
    captured(BOOKING, "900.00"),
    captured(BOOKING, "600.00"),
    refund_requested(BOOKING, "100.00", "a"),
    refund_requested(BOOKING, "200.00", "b"),
    refund_settled(BOOKING, "100.00", "a"),
]
WORK: list[Message[Cause]] = [accept(BOOKING), deliver(BOOKING, photos=1), confirm(BOOKING, rating=5)]


@given(st.permutations(PAID), st.sets(st.integers(0, 8), min_size=3, max_size=3), st.integers(0, 6))
def test_money_and_work_end_alike_in_any_order(facts: list[Message[Cause]], places: set[int], number: int) -> None:
    work, money = iter(WORK), iter(facts)
    mixed = [next(work) if n in places else next(money) for n in range(9)]
    left_out = set(map(id, facts[number:]))
    mixed = [each for each in mixed if id(each) not in left_out]
    assert then(after(create(BOOKING)), *mixed) == then(after(create(BOOKING)), *WORK, *(f for f in PAID if id(f) not in left_out))


NEIGHBOURS = bookings(3)
neighbours, hours = st.sampled_from(NEIGHBOURS), st.integers(0, 3)
jostling = st.one_of(
    st.builds(accept, neighbours),
    st.builds(cancel, neighbours),
    st.builds(lambda booking, who, to: reschedule(booking, who, START + to * HOUR / 2), neighbours, senders, hours),
    st.builds(lambda booking, minutes: reschedule(booking, PROVIDER, START, minutes), neighbours, st.sampled_from([30, 60, 90])),
    st.builds(override, neighbours, targets),
    st.builds(deliver, neighbours),
)


@given(st.lists(jostling, max_size=15))
def test_two_bookings_of_a_provider_never_overlap(asked: list[Message[Cause]]) -> None:
    fold = Fold(NOW, {}, [])
    for message in (*map(create, NEIGHBOURS), *asked):
        fold.settle(message)
        taken = [booking.taken for booking in fold.bookings.values() if booking.taken]
        assert not any(one.overlaps(other) for one, other in combinations(taken, 2))
