"""Which versions of policy and calendar a booking has, and until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.expiry.grace import Facts, Policy, Rule
from services.expiry.policies import Policies, expires_at
from services.expiry.shipped import shipped
from tests.working_days import calendar

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
BOOKING = Facts("pending", "plumbing", NOW, NOW - 3 * HOUR)
SETTINGS = Policy("*", 24)
SHIPPED = shipped()["NP"]


def version(number: int, at: datetime, category: str = "plumbing", **fields: object) -> Policy:
    return Policy(category, number, version=number, effective_at=at, **fields)  # type: ignore[arg-type]


def published(*policies: Policy) -> Policies:
    scopes = {policy.category for policy in policies}
    return Policies(SETTINGS, published={scope: tuple(p for p in policies if p.category == scope) for scope in scopes})


def hours(policies: Policies, now: datetime = NOW, facts: Facts = BOOKING) -> float:
    return policies.of(facts, now).policy.grace_hours


def test_a_version_is_in_force_from_its_instant_on_inclusive() -> None:
    policies = published(version(1, NOW))
    assert [hours(policies, now) for now in (NOW - TICK, NOW, NOW + TICK)] == [24, 1, 1]


def test_the_highest_version_in_force_wins_whichever_came_into_force_last() -> None:
    policies = published(version(3, NOW - 2 * HOUR), version(2, NOW - HOUR), version(9, NOW + HOUR))
    assert hours(policies) == 3


def test_under_a_pin_at_creation_a_version_is_for_bookings_made_later() -> None:
    policies = published(version(1, NOW - 9 * HOUR), version(2, NOW - HOUR, pin="at_creation"))
    made = [NOW - HOUR - TICK, NOW - HOUR]
    assert [hours(policies, NOW, replace(BOOKING, created_at=at)) for at in made] == [1, 2]


def test_a_later_live_version_holds_for_older_bookings_too() -> None:
    policies = published(version(1, NOW - 2 * HOUR, pin="at_creation"), version(2, NOW - HOUR))
    assert hours(policies) == 2


def test_a_category_without_a_version_in_force_has_that_of_all_and_then_the_settings() -> None:
    settings = {"plumbing": Policy("plumbing", 12)}
    both = replace(published(version(1, NOW + HOUR), version(2, NOW, "*")), by_category=settings)
    assert [hours(both, now) for now in (NOW - TICK, NOW, NOW + HOUR)] == [12, 2, 1]
    assert hours(both, NOW, replace(BOOKING, category="tutoring")) == 2


def test_policies_are_replaced_whole() -> None:
    policies = published(version(1, NOW, quiet_hours=5, adjust="pause"), version(2, NOW))
    assert policies.of(BOOKING, NOW).policy == version(2, NOW)


def test_days_off_are_nepals_unless_another_calendar_is_named() -> None:
    rule = published(version(1, NOW, adjust="pause")).of(BOOKING, NOW)
    assert rule == Rule(version(1, NOW, adjust="pause"), SHIPPED[0])
    assert published(version(1, NOW)).of(BOOKING, NOW).calendar is None
    assert published(version(1, NOW, adjust="pause", calendar="IN")).of(BOOKING, NOW).calendar is None


@pytest.mark.parametrize(("pin", "chosen"), [("live", "np-3"), ("at_creation", "np-2")])
def test_the_calendar_follows_the_pin_of_the_policy(pin: str, chosen: str) -> None:
    at = [NOW - 4 * HOUR, NOW - 2 * HOUR, NOW + HOUR]
    later = (replace(SHIPPED[0], version=f"np-{n}", effective_at=instant) for n, instant in enumerate(at, 2))
    policy = version(1, NOW - 5 * HOUR, adjust="pause", pin=pin)
    policies = replace(published(policy), calendars={"NP": (*SHIPPED, *later)})
    rule = policies.of(BOOKING, NOW)
    assert rule.calendar is not None
    assert rule.calendar.version == chosen


def test_the_next_change_is_one_that_concerns_the_booking() -> None:
    policies = published(version(1, NOW), version(2, NOW + 3 * HOUR), version(3, NOW + HOUR, "*"), version(4, NOW + 2 * HOUR, "tutoring"))
    assert policies.next_change(BOOKING, NOW) == NOW + 3 * HOUR
    assert policies.next_change(BOOKING, NOW + 3 * HOUR) is None
    assert policies.next_change(replace(BOOKING, category="tutoring"), NOW) == NOW + HOUR
    assert published(version(1, NOW + HOUR, pin="at_creation")).next_change(BOOKING, NOW) is None


def test_an_announced_calendar_is_a_change_for_those_who_follow_it() -> None:
    announced = replace(SHIPPED[0], version="np-2", effective_at=NOW + HOUR)
    calendars = {"NP": (*SHIPPED, announced)}
    assert replace(published(version(1, NOW, adjust="pause")), calendars=calendars).next_change(BOOKING, NOW) == NOW + HOUR
    assert replace(published(version(1, NOW)), calendars=calendars).next_change(BOOKING, NOW) is None


def test_a_deadline_beyond_the_calendar_is_known_once_a_longer_one_is_in_force() -> None:
    short, longer = calendar("sat", years=(2026, 2026)), replace(calendar("sat"), effective_at=NOW + HOUR)
    late = replace(BOOKING, booking_date=datetime(2026, 12, 31, 12, tzinfo=UTC))
    policies = Policies(Policy("*", 24, adjust="pause", calendar="XX"), calendars={"XX": (short, longer)})
    assert expires_at(late, policies, NOW) is None
    assert expires_at(late, policies, NOW + HOUR) == datetime(2027, 1, 1, 12, tzinfo=UTC)
