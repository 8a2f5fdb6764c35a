"""Computes a recorded auto-cancellation again, from what its event says alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from contracts.events import BookingCancelled
from contracts.parts import Evidence, SkippedDay, Term
from contracts.values import instant_text
from services.expiry.adjusting import Adjusted, adjusted
from services.expiry.calendar import Calendar

EVERY_YEAR = (1, 9999)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the event that does not follow from the others."""

    field: str
    recorded: str
    recomputed: str


def differences(data: BookingCancelled, version: int | None) -> Iterator[Difference]:
    """Yield what does not fit in the auto-cancellation that is event `version` of its booking; nothing if all does."""
    evidence = data.evidence
    if evidence is None:
        yield Difference("evidence", "nothing", "what the deadline was computed from")
        return
    for n, term in enumerate(evidence.terms):
        yield from _of_term(f"evidence.terms.{n}", term, evidence)
    anchors = [term.anchor for term in evidence.terms]
    latest = max(term.deadline for term in evidence.terms)
    yield from _differs("evidence.terms.anchor", anchors, ["booking_date", "last_status_update"][: len(anchors)])
    yield from _differs("evidence.terms.0.anchor_at", evidence.terms[0].anchor_at, data.booking_date)
    yield from _differs("evidence.expires_at", evidence.expires_at, latest)
    yield from _differs("expired_at", data.expired_at, latest)
    yield from _differs("evidence.observed_version", evidence.observed_version, version and version - 1)
    if data.cancelled_at < latest:
        yield Difference("cancelled_at", _text(data.cancelled_at), f"not before {_text(latest)}")


def _of_term(field: str, term: Term, evidence: Evidence) -> Iterator[Difference]:
    """Compute a term again: the days that it skipped are days off, and all others working days."""
    again: Adjusted = adjusted(evidence.adjust, term.anchor_at, term.hours, evidence.timezone, _calendar(term, evidence))
    yield from _differs(f"{field}.deadline", term.deadline, again.at)
    yield from _differs(f"{field}.skipped", [str(day.date) for day in term.skipped], [str(day.date) for day in again.skipped])


def _calendar(term: Term, evidence: Evidence) -> Calendar:
    days = {day.date: _name(day) for day in term.skipped}
    return Calendar(evidence.calendar or "", evidence.calendar_version or "", None, EVERY_YEAR, (), days, {}, {})


def _name(day: SkippedDay) -> str:
    return day.name or day.why


def _differs(field: str, recorded: object, recomputed: object) -> Iterator[Difference]:
    if recorded != recomputed:
        yield Difference(field, _text(recorded), _text(recomputed))


def _text(value: object) -> str:
    return instant_text(value) if isinstance(value, datetime) else str(value)
