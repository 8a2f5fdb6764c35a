"""When a booking lapses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from contracts.events import Status
from contracts.ids import new_id
from contracts.parts import Evidence
from services.expiry.grace import Deadline, Facts, Policy, Rule, deadline as decided, eligible, evidence
from services.expiry.policies import Policies, expires_at
from services.expiry.settings import ExpirySettings
from services.expiry.shipped import shipped
from services.runtime.errors import Misconfigured
from tests.working_days import calendar

BOOKED_FOR = datetime(2026, 11, 20, 6, tzinfo=UTC)
NOW = BOOKED_FOR + timedelta(days=9)
BOOKING = Facts("pending", "plumbing", BOOKED_FOR, BOOKED_FOR - timedelta(days=3))
DAY = Policy("*", 24)
TICK, HOUR = timedelta(microseconds=1), timedelta(hours=1)
PLACES = {"DATABASE_URL": "postgresql://nobody@localhost/none", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"}

instants = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
hours = st.floats(1e-6, 8760)
facts = st.builds(Facts, st.sampled_from(["pending", "confirmed"]), st.just("plumbing"), instants, instants, st.none() | instants)
policies = st.builds(Policy, st.just("*"), hours, st.none() | hours)


def deadline(booking: Facts, policy: Policy) -> Deadline:
    return decided(booking, Rule(policy))


def instant(booking: Facts, policy: Policy) -> datetime:
    at = deadline(booking, policy).expires_at
    assert at is not None
    return at


@given(facts, policies)
def test_no_deadline_is_earlier_than_the_booking_date_plus_grace(booking: Facts, policy: Policy) -> None:
    assert instant(booking, policy) >= booking.booking_date + timedelta(hours=policy.grace_hours)


@given(facts, policies, hours)
def test_more_grace_never_makes_a_deadline_earlier(booking: Facts, policy: Policy, other: float) -> None:
    less, more = sorted((policy.grace_hours, other))
    assert instant(booking, replace(policy, grace_hours=less)) <= instant(booking, replace(policy, grace_hours=more))


@given(facts, policies, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_later_anchor_never_makes_a_deadline_earlier(booking: Facts, policy: Policy, later: timedelta) -> None:
    before = instant(booking, policy)
    touched = booking.last_status_update_at or booking.booking_date
    assert instant(replace(booking, booking_date=booking.booking_date + later), policy) >= before
    assert instant(replace(booking, last_status_update_at=touched + later), policy) >= before


@given(facts, policies)
def test_the_instant_of_the_deadline_is_expired_and_the_one_before_is_not(booking: Facts, policy: Policy) -> None:
    due, at = deadline(booking, policy), instant(booking, policy)
    assert eligible(booking, due, at)
    assert not eligible(booking, due, at - TICK)


def test_a_booking_still_to_come_is_never_expired_whatever_its_deadline() -> None:
    due, at = deadline(BOOKING, DAY), instant(BOOKING, DAY)
    assert eligible(replace(BOOKING, booking_date=at - TICK), due, at)
    assert not eligible(replace(BOOKING, booking_date=at), due, at)


@given(facts, policies)
def test_evidence_is_enough_to_compute_the_deadline_again(booking: Facts, policy: Policy) -> None:
    due = deadline(booking, policy)
    told = Evidence.model_validate_json(evidence(due, new_id(), 3).model_dump_json())
    recomputed = [term.anchor_at + timedelta(hours=term.hours) for term in told.terms]
    assert [term.deadline for term in told.terms] == recomputed
    assert told.expires_at == max(recomputed) == due.expires_at


def test_evidence_names_the_policy_and_the_version_that_was_seen() -> None:
    scan = new_id()
    told = evidence(deadline(BOOKING, replace(DAY, timezone="UTC", version=4)), scan, 7)
    assert (told.policy_version, told.timezone, told.adjust, told.calendar) == (4, "UTC", "none", None)
    assert (told.scan_id, told.observed_version) == (scan, 7)
    assert [(term.anchor, term.hours, term.skipped) for term in told.terms] == [("booking_date", 24, ())]


def test_evidence_names_the_calendar_and_the_days_that_each_term_skipped() -> None:
    friday = datetime(2026, 10, 16, 6, tzinfo=UTC)
    touched = replace(BOOKING, booking_date=friday, last_status_update_at=friday + 48 * HOUR)
    told = evidence(decided(touched, Rule(replace(DAY, adjust="roll_forward"), shipped()["NP"][0])), new_id(), 3)
    assert (told.calendar, told.calendar_version) == ("NP", "np-2026.1")
    assert [[day.date.day for day in term.skipped] for term in told.terms] == [[17, 18, 19, 20, 21, 22], [19, 20, 21, 22]]
    assert [term.deadline.day for term in told.terms] == [23, 23]


@pytest.mark.parametrize("unknown", ["booking_date", "last_status_update_at"])
def test_a_deadline_is_the_later_of_two_and_not_known_without_either(unknown: str) -> None:
    rule = Rule(replace(DAY, adjust="pause"), calendar(years=(2026, 2026)))
    both = replace(BOOKING, last_status_update_at=BOOKED_FOR + HOUR)
    due = decided(replace(both, **{unknown: datetime(2026, 12, 31, 12, tzinfo=UTC)}), rule)  # type: ignore[arg-type]
    assert due.expires_at is None
    assert not eligible(both, due, NOW + timedelta(days=999))
    assert decided(both, rule).expires_at == BOOKED_FOR + 25 * HOUR


def test_only_an_update_by_a_person_adds_a_term() -> None:
    assert [t.anchor for t in deadline(BOOKING, DAY).terms] == ["booking_date"]
    touched = replace(BOOKING, last_status_update_at=BOOKED_FOR + HOUR)
    assert [t.anchor for t in deadline(touched, DAY).terms] == ["booking_date", "last_status_update"]
    assert instant(touched, DAY) == BOOKED_FOR + 25 * HOUR


def test_an_update_long_before_the_booking_date_changes_nothing() -> None:
    touched = replace(BOOKING, last_status_update_at=BOOKED_FOR - 48 * HOUR)
    assert instant(touched, DAY) == instant(BOOKING, DAY)


def test_quiet_hours_count_from_the_update_alone() -> None:
    touched = replace(BOOKING, last_status_update_at=BOOKED_FOR + 2 * HOUR)
    assert instant(touched, Policy("*", 1, 72)) == BOOKED_FOR + 74 * HOUR
    assert instant(touched, Policy("*", 24, 0.5)) == BOOKED_FOR + 24 * HOUR


@pytest.mark.parametrize("status", ["created", "service_delivered", "awaiting_confirmation", "completed", "cancelled"])
def test_only_pending_and_confirmed_bookings_lapse(status: Status) -> None:
    booking = replace(BOOKING, status=status)
    assert expires_at(booking, Policies(DAY), NOW) is None
    assert not eligible(booking, deadline(booking, DAY), BOOKED_FOR + timedelta(days=900))


def test_a_categorys_policy_replaces_the_default_one_whole() -> None:
    policies = Policies(Policy("*", 24, 48), {"plumbing": Policy("plumbing", 2)})
    touched = replace(BOOKING, last_status_update_at=BOOKED_FOR)
    assert expires_at(touched, policies, NOW) == BOOKED_FOR + 2 * HOUR
    assert expires_at(replace(touched, category="tutoring"), policies, NOW) == BOOKED_FOR + 48 * HOUR


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ExpirySettings:
    for name, value in {**PLACES, **environment}.items():
        monkeypatch.setenv(name, value)
    return ExpirySettings.load()


def test_without_settings_every_booking_has_a_day_of_kathmandu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch).policies == Policies(Policy("*", 24, None, timezone="Asia/Kathmandu"))
    assert settings(monkeypatch).enabled


def test_policies_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(
        monkeypatch,
        AUTO_CANCEL_GRACE_PERIOD="0.5",
        AUTO_CANCEL_QUIET_PERIOD="3",
        AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY='{"tutoring": 48}',
        SEWA_TIMEZONE="Asia/Katmandu",
        SEWA_REMINDER_HOURS="[12, 0.5]",
    ).policies
    assert chosen.default == Policy("*", 0.5, 3, reminders=(12, 0.5))
    assert chosen.by_category == {"tutoring": Policy("tutoring", 48, 3, reminders=(12, 0.5))}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTO_CANCEL_GRACE_PERIOD", "0"),
        ("AUTO_CANCEL_GRACE_PERIOD", "8761"),
        ("AUTO_CANCEL_GRACE_PERIOD", "nan"),
        ("AUTO_CANCEL_GRACE_PERIOD", "1e-12"),
        ("AUTO_CANCEL_QUIET_PERIOD", "-1"),
        ("AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY", '{"tutoring": 0}'),
        ("AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY", '{"tutoring": true}'),
        ("AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY", '{"tutoring": "3"}'),
        ("AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY", "tutoring=3"),
        ("SEWA_TIMEZONE", "Asia/Atlantis"),
        ("SEWA_REMINDER_HOURS", "[0]"),
        ("SEWA_REMINDER_HOURS", "24"),
        ("SEWA_REMINDER_HOURS", "[1,2,3,4,5,6,7,8,9,10,11]"),
        ("AUTO_CANCEL_ENABLED", "perhaps"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        settings(monkeypatch, **{name: value})
