"""When people are reminded of a request that nobody answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from contracts.events import Status
from services.expiry.grace import Deadline, Facts, Policy, Rule, deadline
from services.expiry.reminders import lead_due, leads, next_at

BOOKED_FOR = datetime(2026, 11, 20, 6, tzinfo=UTC)
ASKED = BOOKED_FOR - timedelta(days=3)
REQUEST = Facts("pending", "plumbing", BOOKED_FOR, ASKED)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
DEADLINE = BOOKED_FOR + 24 * HOUR

instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
hours = st.lists(st.floats(0.001, 8760), max_size=10)


def decided(*reminders: float) -> Deadline:
    return deadline(REQUEST, Rule(Policy("*", 24, reminders=reminders or (24, 2))))


def due(after: datetime, now: datetime, *reminders: float) -> float | None:
    lead = lead_due(REQUEST, decided(*reminders), after, now)
    return lead.hours if lead else None


def test_a_request_has_a_reminder_a_day_before_it_lapses_and_two_hours_before() -> None:
    found = leads(REQUEST, decided(), ASKED)
    assert [(lead.at, lead.hours) for lead in found] == [(DEADLINE - 24 * HOUR, 24), (DEADLINE - 2 * HOUR, 2)]


@pytest.mark.parametrize(("asked", "first"), [(24 * HOUR + TICK, 24 * HOUR), (24 * HOUR, 2 * HOUR), (2 * HOUR, None)])
def test_a_reminder_that_is_past_when_the_request_comes_is_skipped(asked: timedelta, first: timedelta | None) -> None:
    assert next_at(REQUEST, decided(), DEADLINE - asked) == (first and DEADLINE - first)


@pytest.mark.parametrize("status", ["created", "confirmed", "service_delivered", "awaiting_confirmation", "completed", "cancelled"])
def test_nobody_is_reminded_of_anything_but_a_pending_request(status: Status) -> None:
    assert leads(replace(REQUEST, status=status), decided(), ASKED) == []


@pytest.mark.parametrize(
    ("left", "lead"),
    [(24 * HOUR + TICK, None), (24 * HOUR, 24), (2 * HOUR + TICK, 24), (2 * HOUR, 2), (TICK, 2), (0 * HOUR, None), (-HOUR, None)],
)
def test_the_reminder_to_give_is_the_one_nearest_to_the_deadline(left: timedelta, lead: float | None) -> None:
    assert due(ASKED, DEADLINE - left) == lead


def test_what_was_given_is_not_given_again() -> None:
    assert due(DEADLINE - 24 * HOUR, DEADLINE - 3 * HOUR) is None
    assert due(DEADLINE - 24 * HOUR, DEADLINE - 2 * HOUR) == 2


@given(hours, instants, instants)
def test_no_reminder_is_early_or_outside_of_the_time_it_is_for(reminders: list[float], after: datetime, now: datetime) -> None:
    lead = lead_due(REQUEST, decided(*reminders), after, now)
    assert lead is None or after < lead.at <= now < DEADLINE


@given(hours, instants, st.lists(instants, min_size=1, max_size=6))
def test_whoever_looks_often_sees_the_last_reminder_as_whoever_looks_once(
    reminders: list[float], after: datetime, looks: list[datetime]
) -> None:
    given_until, seen = after, [lead_due(REQUEST, decided(*reminders), after, max(looks))]
    for now in sorted(looks):
        lead = lead_due(REQUEST, decided(*reminders), given_until, now)
        given_until = max(given_until, now)
        seen += [lead] if lead and max(looks) < DEADLINE else []
    assert seen[-1] == seen[0]
