"""The rule: when a booking that nobody acts on becomes eligible for auto-cancellation."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.events import Status
from contracts.parts import Evidence, Term as EvidenceTerm

OPEN: frozenset[Status] = frozenset({"pending", "confirmed"})
EVERY_CATEGORY = "*"
Adjust = Literal["none"]
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

    Version 0 comes from the settings.
    """

    category: str
    grace_hours: float
    quiet_hours: float | None = None
    adjust: Adjust = "none"
    timezone: str = "Asia/Kathmandu"
    calendar: str | None = None
    calendar_version: str | None = None
    version: int = 0
    reminders: tuple[float, ...] = (24, 2)


@dataclass(frozen=True, slots=True)
class Policies:
    """Every policy there is, and which of them a booking has."""

    default: Policy
    by_category: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, facts: Facts) -> Policy:
        """Return the category's policy, else the default one, whole."""
        return self.by_category.get(facts.category, self.default)

    @property
    def fingerprint(self) -> str:
        """A text that is the same exactly as long as every deadline stays where it is."""
        whole = repr((self.default, sorted(self.by_category.items())))
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Term:
    """An anchor plus hours."""

    anchor: Anchor
    anchor_at: datetime
    hours: float
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Deadline:
    """The instant at which a booking lapses, the terms whose latest it is, and the policy they follow."""

    expires_at: datetime
    terms: tuple[Term, ...]
    policy: Policy


def deadline(facts: Facts, policy: Policy) -> Deadline:
    """Return max(booking_date + grace, last_status_update_at + quiet), the second only if there was such an update."""
    terms = [_term("booking_date", facts.booking_date, policy.grace_hours)]
    if facts.last_status_update_at is not None:
        quiet = policy.grace_hours if policy.quiet_hours is None else policy.quiet_hours
        terms.append(_term("last_status_update", facts.last_status_update_at, quiet))
    return Deadline(max(term.deadline for term in terms), tuple(terms), policy)


def _term(anchor: Anchor, at: datetime, hours: float) -> Term:
    return Term(anchor, at, hours, at + timedelta(hours=hours))


def expires_at(facts: Facts, policies: Policies) -> datetime | None:
    """Return the instant of the deadline, None outside pending and confirmed."""
    return deadline(facts, policies.of(facts)).expires_at if facts.is_open else None


def eligible(facts: Facts, due: Deadline, now: datetime) -> bool:
    """Return whether the booking has lapsed at `now`; at the instant of the deadline itself it has."""
    return facts.is_open and facts.booking_date < now and now >= due.expires_at


def evidence(decided: Deadline, scan_id: UUID, observed_version: int) -> Evidence:
    """Return all that `decided` was computed from, enough to compute it again without us."""
    policy = decided.policy
    return Evidence(
        terms=tuple(
            EvidenceTerm(anchor=t.anchor, anchor_at=t.anchor_at, hours=t.hours, deadline=t.deadline, skipped=()) for t in decided.terms
        ),
        adjust=policy.adjust,
        timezone=policy.timezone,
        calendar=policy.calendar,
        calendar_version=policy.calendar_version,
        policy_version=policy.version,
        expires_at=decided.expires_at,
        scan_id=scan_id,
        observed_version=observed_version,
    )
