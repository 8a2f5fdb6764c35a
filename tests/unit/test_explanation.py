"""Why a booking is due or not, before and after the fact."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.events import BookingCancelled, Event
from contracts.ids import new_id
from contracts.message import Message
from services.expiry.explanation import Story, explain, story
from services.expiry.grace import Facts, Policy, deadline, evidence
from services.expiry.policies import Policies
from tests.builders import SCAN
from tests.integration.expiry_history import BOOKED_FOR, CUSTOMER, HOUR, accepted, expired, moved, noted, requested
from tests.working_days import calendar

BOOKING = new_id()
FRIDAY = datetime(2026, 10, 16, 4, 45, tzinfo=UTC)
ROLLED = Policy("plumbing", 24, adjust="roll_forward", version=3, effective_at=FRIDAY - timedelta(days=9))
POLICIES = Policies(Policy("*", 24), published={"plumbing": (ROLLED,)})
OPEN = Story(BOOKING, Facts("pending", "plumbing", FRIDAY, FRIDAY - 9 * HOUR), FRIDAY - 9 * HOUR)


def passed(told: dict[str, Any]) -> dict[str, bool]:
    return {rule["rule"]: rule["pass"] for rule in told["rules"]}


def lapsed() -> Story:
    proof = evidence(deadline(OPEN.facts, POLICIES.of(OPEN.facts, FRIDAY + 200 * HOUR)), SCAN, 2)
    return Story(BOOKING, replace(OPEN.facts, status="cancelled"), FRIDAY + 200 * HOUR, proof)


def test_an_open_booking_is_explained_with_all_that_its_deadline_comes_from() -> None:
    told = explain(OPEN, POLICIES, FRIDAY + 30 * HOUR)
    assert {name: told[name] for name in ("booking", "status", "as_of", "eligible", "expires_at", "expires_at_local", "decision")} == {
        "booking": str(BOOKING),
        "status": "pending",
        "as_of": "2026-10-17T10:45:00Z",
        "eligible": False,
        "expires_at": "2026-10-23T04:45:00Z",
        "expires_at_local": "2026-10-23T10:30:00+05:45",
        "decision": None,
    }
    assert told["rules"] == [
        {"rule": "status_open", "pass": True},
        {"rule": "date_passed", "pass": True},
        {"rule": "deadline_reached", "pass": False},
    ]


def test_its_policy_calendar_and_terms_are_told() -> None:
    told = explain(OPEN, POLICIES, FRIDAY)
    assert told["policy"] == {
        "category": "plumbing",
        "version": 3,
        "grace_hours": 24,
        "quiet_hours": 24,
        "adjust": "roll_forward",
        "timezone": "Asia/Kathmandu",
        "calendar": "NP",
        "pin": "live",
    }
    assert told["calendar_version"] == "np-2026.1"
    (term,) = told["terms"]
    skipped = term.pop("skipped")
    assert skipped[:2] == [
        {"date": "2026-10-17", "why": "weekend", "name": "Saturday"},
        {"date": "2026-10-18", "why": "holiday", "name": "Fulpati"},
    ]
    hours = {"hours": 24, "unadjusted": "2026-10-17T04:45:00Z", "deadline": "2026-10-23T04:45:00Z"}
    assert term == {"anchor": "booking_date", "at": "2026-10-16T04:45:00Z", **hours}


def test_at_the_deadline_every_rule_is_passed() -> None:
    due = datetime(2026, 10, 23, 4, 45, tzinfo=UTC)
    told = explain(OPEN, POLICIES, due)
    assert told["eligible"]
    assert all(passed(told).values())
    assert not explain(OPEN, POLICIES, due - timedelta(microseconds=1))["eligible"]
    assert passed(explain(OPEN, POLICIES, FRIDAY)) == {"status_open": True, "date_passed": False, "deadline_reached": False}


def test_a_calendar_that_ends_too_early_is_named_by_a_rule_of_its_own() -> None:
    policies = Policies(Policy("*", 24, adjust="pause", calendar="XX"), calendars={"XX": (calendar(years=(2020, 2025)),)})
    told = explain(OPEN, policies, FRIDAY + 999 * HOUR)
    assert passed(told) == {"status_open": True, "date_passed": True, "calendar_covers": False, "deadline_reached": False}
    assert (told["expires_at"], told["expires_at_local"], told["eligible"], told["terms"][0]["deadline"]) == (None, None, False, None)


def test_of_an_expired_booking_the_recorded_decision_is_shown_whatever_the_policies_are_now() -> None:
    told = explain(lapsed(), Policies(Policy("*", 1, quiet_hours=7, timezone="UTC")), FRIDAY + 300 * HOUR)
    assert told["decision"] == lapsed().decision.model_dump(mode="json")  # type: ignore[union-attr]
    assert (told["expires_at"], told["eligible"], told["calendar_version"]) == (None, False, "np-2026.1")
    assert [told["policy"][name] for name in ("version", "grace_hours", "adjust", "calendar")] == [3, 24, "roll_forward", "NP"]
    assert passed(told) == {"status_open": False, "date_passed": True, "deadline_reached": True}
    assert told["terms"] == explain(OPEN, POLICIES, FRIDAY)["terms"]


def test_a_booking_closed_otherwise_has_no_deadline_and_the_versions_of_that_moment() -> None:
    done = replace(OPEN, facts=replace(OPEN.facts, status="completed"), turned_at=FRIDAY)
    later = replace(POLICIES, published={"plumbing": (ROLLED, replace(ROLLED, version=4, effective_at=FRIDAY + HOUR))})
    told = explain(done, later, FRIDAY + 99 * HOUR)
    assert (told["policy"]["version"], told["calendar_version"], told["expires_at"], told["terms"]) == (3, "np-2026.1", None, [])
    assert passed(told) == {"status_open": False, "date_passed": True, "deadline_reached": False}


def told_by(*events: Message[Event]) -> Story:
    found = story(BOOKING, events)
    assert found is not None
    return found


def test_the_facts_come_from_the_events() -> None:
    at = BOOKED_FOR - HOUR
    assert told_by(*requested(BOOKING)).facts == Facts("pending", "plumbing", BOOKED_FOR, BOOKED_FOR - 24 * HOUR)
    told = told_by(*requested(BOOKING), noted(BOOKING, 3), accepted(BOOKING, 4, at))
    assert told == Story(BOOKING, Facts("confirmed", "plumbing", BOOKED_FOR, BOOKED_FOR - 24 * HOUR, at), at)
    again = told_by(*requested(BOOKING), moved(BOOKING, 3, BOOKED_FOR + HOUR, CUSTOMER, at))
    assert (again.facts.booking_date, again.facts.last_status_update_at, again.turned_at) == (BOOKED_FOR + HOUR, at, BOOKED_FOR - 24 * HOUR)
    assert story(BOOKING, []) is None


def test_the_evidence_of_a_cancellation_is_kept_until_the_booking_goes_on() -> None:
    event = expired(BOOKING, 3, BOOKED_FOR + 24 * HOUR)
    assert isinstance(event.data, BookingCancelled)
    proven = replace(event, data=event.data.model_copy(update={"evidence": lapsed().decision}))
    assert told_by(*requested(BOOKING), proven).decision == lapsed().decision
    assert told_by(*requested(BOOKING), proven, accepted(BOOKING, 4, BOOKED_FOR)).decision is None
