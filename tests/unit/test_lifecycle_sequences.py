"""Whatever is asked, in whatever order and by whomever: the booking stays one that could have happened."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import TypeAlias

from hypothesis import example, given, strategies as st

from contracts.actors import Actor
from contracts.message import Message
from services.booking.lifecycle import BookingCommand, Facts, Refusal, Unchanged, decide
from services.booking.state import Booking, Occurred, evolve
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    START,
    STRANGER,
    SYSTEM,
    UPSTREAM,
    accept,
    cancel,
    create,
    decline,
    expire,
)

Asked: TypeAlias = tuple[Message[BookingCommand], timedelta]
senders = st.sampled_from([CUSTOMER, STRANGER, PROVIDER, RIVAL, ADMIN, UPSTREAM, EXPIRY, SYSTEM])
versions = st.integers(1, 4)
commands = st.one_of(
    st.builds(lambda who, prepaid: create(BOOKING, who, prepaid=prepaid, payment_method="sandbox"), senders, st.booleans()),
    st.builds(lambda who, version: accept(BOOKING, who, version), senders, st.none() | versions),
    st.builds(lambda who: decline(BOOKING, who), senders),
    st.builds(lambda who: cancel(BOOKING, who), senders),
    st.builds(lambda version, late: expire(BOOKING, version, expires_at=START + late * HOUR), versions, st.integers(-1, 30)),
)
requests = st.lists(st.tuples(commands, st.timedeltas(timedelta(0), timedelta(minutes=10))), max_size=12)
everything: list[Asked] = [(each, HOUR / 60) for each in (create(BOOKING), accept(BOOKING), cancel(BOOKING), accept(BOOKING))]


def lived(asked: Sequence[Asked]) -> tuple[list[Booking], list[Occurred]]:
    """Every state that the booking went through, and every event."""
    booking: Booking | None = None
    states: list[Booking] = []
    events: list[Occurred] = []
    now = NOW - HOUR
    for command, passed in asked:
        now += passed
        for event in _happened(booking, command, now):
            booking = evolve(booking, event)
            states.append(booking)
            events.append(event)
    return states, events


def _happened(booking: Booking | None, command: Message[BookingCommand], now: datetime) -> tuple[Occurred, ...]:
    decision = decide(booking, command, Facts(), now)
    return () if isinstance(decision, Refusal | Unchanged) else decision


@given(requests)
@example(everything)
def test_replaying_the_events_gives_the_live_state(asked: list[Asked]) -> None:
    states, events = lived(asked)
    replayed: Booking | None = None
    replayed = reduce(evolve, events, replayed)
    assert replayed == (states[-1] if states else None)


@given(requests)
@example(everything)
def test_versions_are_gapless_from_one(asked: list[Asked]) -> None:
    states, events = lived(asked)
    assert [s.version for s in states] == [e.version for e in events] == list(range(1, len(events) + 1))


@given(requests)
@example(everything)
def test_what_is_cancelled_stays_cancelled_for_its_first_reason(asked: list[Asked]) -> None:
    states, _ = lived(asked)
    closed = [s for s in states if s.status == "cancelled"]
    assert closed in ([], states[-1:])


@given(requests)
@example(everything)
def test_only_a_cancelled_booking_says_when_why_and_by_whom(asked: list[Asked]) -> None:
    states, _ = lived(asked)
    for state in states:
        told = (state.cancelled_at, state.cancelled_by, state.cancellation_reason)
        assert {field is not None for field in told} == {state.status == "cancelled"}
        assert state.auto_cancelled == (state.expired_at is not None) == (state.cancellation_reason == "expired")


@given(requests)
@example(everything)
def test_only_a_persons_transition_counts_as_a_status_update(asked: list[Asked]) -> None:
    states, events = lived(asked)
    expected: datetime | None = None
    for state, event in zip(states, events, strict=True):
        expected = event.at if counts(event.actor, state.version) else expected
        assert state.last_status_update_at == expected
        assert (state.updated_at, state.created_at) == (event.at, events[0].at)


def counts(actor: Actor, version: int) -> bool:
    """A customer, provider or admin acted, and not by creating."""
    return actor.kind in {"customer", "provider", "admin"} and version > 1


@given(requests)
@example(everything)
def test_time_is_taken_only_while_the_booking_is_confirmed(asked: list[Asked]) -> None:
    states, _ = lived(asked)
    assert all((state.taken is not None) == (state.status == "confirmed") for state in states)
