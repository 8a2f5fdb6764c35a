"""The rule: when a booking that nobody acts on becomes eligible for auto-cancellation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.events import Status
from contracts.parts import Adjust, Evidence, SkippedDay, Term as EvidenceTerm
from contracts.policies import Pin
from services.expiry.adjusting import Adjusted, adjusted, plus
from services.expiry.calendar import Calendar, Closed

OPEN: frozenset[Status] = frozenset({"pending", "confirmed"})
EVERY_CATEGORY = "*"
Anchor = Literal["booking_date", "last_status_update"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a deadline depends on. `last_status_update_at` is the last transition or reschedule by a person."""

    status: Status
    category: str
    booking_date: datetime
    created_at: datetime
    last_status_update_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the booking can lapse at all."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class Policy:
    """How long the bookings of a category are left alone, and how many hours before that ends people are reminded.

    Version 0 comes from the settings, and has no `effective_at`: it has always been in force.
    """

    category: str
    grace_hours: float
    quiet_hours: float | None = None
    adjust: Adjust = "none"
    timezone: str = "Asia/Kathmandu"
    calendar: str | None = None
    version: int = 0
    reminders: tuple[float, ...] = (24, 2)
    pin: Pin = "live"
    effective_at: datetime | None = None

    @property
    def quiet(self) -> float:
        """The hours that the last status update keeps a booking alive."""
        return self.grace_hours if self.quiet_hours is None else self.quiet_hours


@dataclass(frozen=True, slots=True)
class Rule:
    """The versions that decide about one booking; without a calendar only a policy that adjusts nothing gives a deadline."""

    policy: Policy
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """An anchor plus hours, as it is and as the policy adjusts it: None where that needs a day that the calendar does not cover."""

    anchor: Anchor
    anchor_at: datetime
    hours: float
    unadjusted: datetime
    deadline: datetime | None
    skipped: tuple[Closed, ...] = ()


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant at which a booking lapses, None if its calendar ends before, the terms whose latest it is, and what they follow."""

    expires_at: datetime | None
    terms: tuple[Term, ...]
    rule: Rule

    @property
    def policy(self) -> Policy:
        """The policy that was followed."""
        return self.rule.policy


def deadline(facts: Facts, rule: Rule) -> Deadline:
    """Return max(booking_date + grace, last_status_update_at + quiet), each adjusted, the second only if there was such an update."""
    policy = rule.policy
    terms = [_term("booking_date", facts.booking_date, policy.grace_hours, rule)]
    if facts.last_status_update_at is not None:
        terms.append(_term("last_status_update", facts.last_status_update_at, policy.quiet, rule))
    known = [term.deadline for term in terms if term.deadline is not None]
    return Deadline(max(known) if len(known) == len(terms) else None, tuple(terms), rule)


def _term(anchor: Anchor, at: datetime, hours: float, rule: Rule) -> Term:
    found: Adjusted = adjusted(rule.policy.adjust, at, hours, rule.policy.timezone, rule.calendar)
    return Term(anchor, at, hours, plus(at, hours), found.at, found.skipped)


def eligible(facts: Facts, due: Deadline, now: datetime) -> bool:
    """Return whether the booking has lapsed at `now`; at the instant of the deadline itself it has."""
    return facts.is_open and facts.booking_date < now and due.expires_at is not None and now >= due.expires_at


def evidence(decided: Deadline, scan_id: UUID, observed_version: int) -> Evidence:
    """Return all that `decided`, which has a deadline, was computed from: enough to compute it again without us."""
    policy, calendar = decided.rule.policy, decided.rule.calendar
    terms = tuple(_told(term, at) for term in decided.terms if (at := term.deadline))
    return Evidence(
        terms=terms,
        adjust=policy.adjust,
        timezone=policy.timezone,
        calendar=calendar.name if calendar else policy.calendar,
        calendar_version=calendar.version if calendar else None,
        policy_version=policy.version,
        expires_at=max(term.deadline for term in terms),
        scan_id=scan_id,
        observed_version=observed_version,
    )


def _told(term: Term, at: datetime) -> EvidenceTerm:
    return EvidenceTerm(
        anchor=term.anchor,
        anchor_at=term.anchor_at,
        hours=term.hours,
        deadline=at,
        skipped=tuple(SkippedDay(date=day.date, why=day.why, name=day.name) for day in term.skipped),
    )
