"""Recorded auto-cancellations, computed again from their events alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from contracts.events import BookingCancelled
from services.expiry.grace import Facts, Policy
from services.expiry.policies import Policies
from services.expiry.recheck import differences
from tests.builders import BOOKING, after, create
from tests.expirations import Lapse, cancelled, random_lapses

FRIDAY = datetime(2026, 10, 16, 4, 45, tzinfo=UTC)
BOOKED = after(create(BOOKING, booking_date=FRIDAY), now=FRIDAY - timedelta(days=3))
FACTS = Facts("pending", "plumbing", FRIDAY, FRIDAY - timedelta(days=3))
CANCELLED = cancelled(Lapse(BOOKED, FACTS, Policies(Policy("*", 24, adjust="roll_forward")), FRIDAY + timedelta(days=8)))


def fields(data: BookingCancelled, version: int = 3) -> list[str]:
    return [difference.field for difference in differences(data, version)]


def changed(data: BookingCancelled, term: dict[str, Any] | None = None, **evidence: Any) -> BookingCancelled:
    """The event with other evidence, or another first term."""
    proof = data.evidence
    assert proof is not None
    terms = (proof.terms[0].model_copy(update=term or {}), *proof.terms[1:])
    return data.model_copy(update={"evidence": proof.model_copy(update={"terms": terms, **evidence})})


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_what_the_rule_decides_computes_to_the_same_again(seed: int) -> None:
    for lapse in random_lapses(seed, 5):
        told = BookingCancelled.model_validate_json(cancelled(lapse).model_dump_json())
        assert fields(told, lapse.booking.version + 1) == []


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ({"hours": 25}, ["evidence.terms.0.deadline"]),
        ({"skipped": ()}, ["evidence.terms.0.deadline"]),
        ({"anchor": "last_status_update"}, ["evidence.terms.anchor"]),
    ],
)
def test_a_term_that_does_not_add_up_is_named(term: dict[str, Any], found: list[str]) -> None:
    assert fields(changed(CANCELLED, term))[: len(found)] == found


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        ({"adjust": "none"}, ["evidence.terms.0.deadline", "evidence.terms.0.skipped"]),
        ({"timezone": "America/Los_Angeles"}, ["evidence.terms.0.deadline", "evidence.terms.0.skipped"]),
        ({"expires_at": CANCELLED.cancelled_at}, ["evidence.expires_at"]),
        ({"observed_version": 1}, ["evidence.observed_version"]),
    ],
)
def test_evidence_that_does_not_fit_is_named(evidence: dict[str, Any], found: list[str]) -> None:
    assert fields(changed(CANCELLED, **evidence)) == found


def test_an_event_that_says_otherwise_than_its_evidence_is_named() -> None:
    early = CANCELLED.booking_date
    assert fields(CANCELLED.model_copy(update={"expired_at": early})) == ["expired_at"]
    assert fields(CANCELLED.model_copy(update={"cancelled_at": early})) == ["cancelled_at"]
    assert fields(CANCELLED.model_copy(update={"booking_date": CANCELLED.cancelled_at})) == ["evidence.terms.0.anchor_at"]
    assert fields(CANCELLED.model_copy(update={"evidence": None})) == ["evidence"]


def test_lapses_are_of_every_kind() -> None:
    lapses = list(random_lapses(1, 200))
    assert {(lapse.policy.adjust, lapse.skips) for lapse in lapses} > {("none", False), ("roll_forward", True), ("pause", True)}
    assert {lapse.facts.status for lapse in lapses} == {"pending", "confirmed"}
