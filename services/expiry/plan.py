"""The rule: which bookings have which rule at one instant, as a few spans that a database can date bookings by."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import chain

from services.expiry.grace import EVERY_CATEGORY, Facts, Rule
from services.expiry.policies import Policies

ELSE = ""
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The bookings of a category, or of all that no span names (`ELSE`), that were created in [since, before): they have one rule."""

    category: str
    since: datetime
    before: datetime
    rule: Rule

    @property
    def dated_by(self) -> str:
        """What bookings that are dated by this rule remember of it."""
        return fingerprint(self.rule)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every span there is: of each category in the order of creation, without gaps."""

    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """A text that is the same exactly as long as every deadline and every reminder stays where it is."""
        whole = repr([(span.category, span.since, span.before, span.dated_by) for span in self.spans])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    @property
    def counts_days(self) -> bool:
        """Whether a rule among them needs a calendar."""
        return any(span.rule.policy.adjust != "none" for span in self.spans)

    @property
    def named(self) -> list[str]:
        """The categories that have spans of their own."""
        return sorted({span.category for span in self.spans} - {ELSE})


def plan(policies: Policies, now: datetime) -> Plan:
    """Return the spans at the business instant `now`."""
    named = sorted((policies.by_category.keys() | policies.published.keys()) - {EVERY_CATEGORY})
    return Plan(tuple(span for category in (*named, ELSE) for span in _spans(policies, category, now)))


def _spans(policies: Policies, category: str, now: datetime) -> Iterator[Span]:
    """Only where something takes effect, the instant of creation can matter."""
    versions = chain(*(policies.published.get(scope, ()) for scope in (category, EVERY_CATEGORY)))
    calendars = chain(*policies.calendars.values())
    instants = {at for at in (*(v.effective_at for v in versions), *(c.effective_at for c in calendars)) if at is not None}
    begins, rule = EARLIEST, _rule(policies, category, EARLIEST, now)
    for instant in sorted(instants):
        later = _rule(policies, category, instant, now)
        if fingerprint(later) != fingerprint(rule):
            yield Span(category, begins, instant, rule)
            begins, rule = instant, later
    yield Span(category, begins, LATEST, rule)


def _rule(policies: Policies, category: str, created_at: datetime, now: datetime) -> Rule:
    return policies.of(Facts("pending", category, created_at, created_at), now)


def fingerprint(rule: Rule) -> str:
    """Return a text that tells rules apart which can date a booking differently."""
    policy, calendar = rule.policy, rule.calendar
    hours = (float(policy.grace_hours), float(policy.quiet))
    days = () if policy.adjust == "none" else (policy.adjust, policy.timezone, calendar and (calendar.name, calendar.version))
    return _digest((*hours, *sorted(map(float, policy.reminders)), *days))


@cache
def _digest(values: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:16]
