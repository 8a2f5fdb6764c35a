"""Why a booking lapses when it does: rules with pass or fail, and all that they look at."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.events import BookingCancelled, BookingCreated, Event
from contracts.message import Message
from contracts.parts import Evidence
from contracts.values import instant_text
from services.expiry.adjusting import plus
from services.expiry.calendar import Closed
from services.expiry.facts import after, begun
from services.expiry.grace import Deadline, Facts, Policy, Term, deadline, eligible
from services.expiry.policies import Policies


@dataclass(frozen=True, slots=True)
class Story:
    """A booking as its events tell it: the instant of its last change of status, and the evidence of a cancellation by expiry."""

    booking: UUID
    facts: Facts
    turned_at: datetime
    decision: Evidence | None = None


def story(booking: UUID, events: Iterable[Message[Event]]) -> Story | None:
    """Return what the events of a booking, the oldest first, come to; nothing without its first."""
    told: Story | None = None
    for event in events:
        if told is None:
            told = Story(booking, begun(event.data, event.time), event.time) if isinstance(event.data, BookingCreated) else None
        else:
            told = _further(told, event)
    return told


def _further(told: Story, event: Message[Event]) -> Story:
    facts = after(told.facts, event)
    if facts.status == told.facts.status:
        return replace(told, facts=facts)
    return Story(told.booking, facts, event.time, event.data.evidence if isinstance(event.data, BookingCancelled) else None)


def explain(told: Story, policies: Policies, now: datetime) -> dict[str, Any]:
    """Return why the booking is or is not due at `now`; a closed one has the versions in force when it was closed, or the recorded ones."""
    facts = told.facts
    decided = deadline(facts, policies.of(facts, now if facts.is_open else told.turned_at))
    calendar = decided.rule.calendar
    policy = replace(decided.policy, calendar=calendar.name) if calendar else decided.policy
    version, terms = calendar and calendar.version, decided.terms if facts.is_open else ()
    if told.decision:
        policy, version, terms = _recorded(policy, told.decision), told.decision.calendar_version, _terms(told.decision)
    zone = ZoneInfo(policy.timezone)
    expires_at = decided.expires_at if facts.is_open else None
    return {
        "booking": str(told.booking),
        "status": facts.status,
        "as_of": instant_text(now),
        "eligible": eligible(facts, decided, now),
        "expires_at": expires_at and instant_text(expires_at),
        "expires_at_local": expires_at and expires_at.astimezone(zone).isoformat(),
        "policy": _policy(policy),
        "calendar_version": version,
        "terms": [_term(term) for term in terms],
        "rules": _rules(told, decided, now),
        "decision": told.decision and told.decision.model_dump(mode="json"),
    }


def _recorded(policy: Policy, decision: Evidence) -> Policy:
    """Return the policy as the evidence has it, whatever is known of it now."""
    hours = {term.anchor: term.hours for term in decision.terms}
    return replace(
        policy,
        grace_hours=hours.get("booking_date", policy.grace_hours),
        quiet_hours=hours.get("last_status_update", policy.quiet_hours),
        adjust=decision.adjust,
        timezone=decision.timezone,
        calendar=decision.calendar,
        version=decision.policy_version,
    )


def _terms(decision: Evidence) -> tuple[Term, ...]:
    return tuple(
        Term(
            term.anchor,
            term.anchor_at,
            term.hours,
            plus(term.anchor_at, term.hours),
            term.deadline,
            tuple(Closed(day.date, day.why, day.name or "") for day in term.skipped),
        )
        for term in decision.terms
    )


def _rules(told: Story, decided: Deadline, now: datetime) -> list[dict[str, Any]]:
    facts = told.facts
    known = told.decision.expires_at if told.decision else decided.expires_at if facts.is_open else None
    uncovered = facts.is_open and known is None
    rules = {
        "status_open": facts.is_open,
        "date_passed": facts.booking_date < now,
        **({"calendar_covers": False} if uncovered else {}),
        "deadline_reached": known is not None and now >= known,
    }
    return [{"rule": rule, "pass": passed} for rule, passed in rules.items()]


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "category": policy.category,
        "version": policy.version,
        "grace_hours": policy.grace_hours,
        "quiet_hours": policy.quiet,
        "adjust": policy.adjust,
        "timezone": policy.timezone,
        "calendar": policy.calendar,
        "pin": policy.pin,
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "anchor": term.anchor,
        "at": instant_text(term.anchor_at),
        "hours": term.hours,
        "unadjusted": instant_text(term.unadjusted),
        "deadline": term.deadline and instant_text(term.deadline),
        "skipped": [{"date": day.date.isoformat(), "why": day.why, "name": day.name} for day in term.skipped],
    }
