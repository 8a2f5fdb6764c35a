"""Which versions of policy and calendar decide about a booking, now and until when."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain

from contracts.policies import Pin
from services.expiry.calendar import Calendar
from services.expiry.grace import EVERY_CATEGORY, Facts, Policy, Rule, deadline
from services.expiry.shipped import NEPAL, shipped


@dataclass(frozen=True)
class Policies:
    """Every policy and calendar there is, and which of them a booking has.

    `default` and `by_category` are version 0, from the settings. `published` has the later versions by category or `*`, and `calendars`
    those of each name, a later one after those that it replaces.
    """

    default: Policy
    by_category: Mapping[str, Policy] = field(default_factory=dict)
    published: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    calendars: Mapping[str, tuple[Calendar, ...]] = field(default_factory=shipped)

    def of(self, facts: Facts, now: datetime) -> Rule:
        """Return the versions in force at `now` for the booking: its category's policy, else that of `*`, else the settings', whole."""
        policy = self._policy(facts, now)
        versions = self.calendars.get(_calendar(policy), ())
        return Rule(policy, next((v for v in reversed(versions) if _applies(v, policy.pin, facts, now)), None))

    def _policy(self, facts: Facts, now: datetime) -> Policy:
        for scope in (facts.category, EVERY_CATEGORY):
            if found := [p for p in self.published.get(scope, ()) if _applies(p, p.pin, facts, now)]:
                return max(found, key=lambda policy: policy.version)
        return self.by_category.get(facts.category, self.default)

    def next_change(self, facts: Facts, now: datetime) -> datetime | None:
        """Return the next instant after `now` at which other versions decide about the booking, None if none is announced."""
        rule = self.of(facts, now)
        ahead = self._changes[bisect_right(self._changes, now) :]
        return next((at for at in ahead if self.of(facts, at) != rule), None)

    @cached_property
    def _changes(self) -> list[datetime]:
        versions: Iterator[Policy | Calendar] = chain(*self.published.values(), *self.calendars.values())
        return sorted({v.effective_at for v in versions if v.effective_at is not None})


def _calendar(policy: Policy) -> str:
    """Return the name of the calendar a policy follows; one that names none and needs none has none."""
    return policy.calendar or ("" if policy.adjust == "none" else NEPAL)


def _in_force(version: Policy | Calendar, now: datetime) -> bool:
    return version.effective_at is None or version.effective_at <= now


def _applies(version: Policy | Calendar, pin: Pin, facts: Facts, now: datetime) -> bool:
    """Return whether `version` is in force at `now` and, under a pin at creation, already was when the booking was made."""
    return _in_force(version, now) and (pin == "live" or _in_force(version, facts.created_at))


def expires_at(facts: Facts, policies: Policies, now: datetime) -> datetime | None:
    """Return the instant of the deadline, None outside pending and confirmed and where a calendar ends before."""
    return deadline(facts, policies.of(facts, now)).expires_at if facts.is_open else None
