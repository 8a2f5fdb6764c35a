"""Policies as they are shown: the one in force, those that are announced, the versions so far, and the pass that follows a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.policies import CalendarPublished, GracePolicySet
from contracts.values import instant_text
from services.expiry.drafts import FIELDS, Known, of_settings
from services.expiry.grace import EVERY_CATEGORY
from services.expiry.plan import plan
from services.expiry.policies import Policies
from services.expiry.redatings import Pass

OF_CONTRACT = {name: field.default for name, field in GracePolicySet.model_fields.items() if name in FIELDS and not field.is_required()}


def in_force(known: Known, category: str, now: datetime) -> dict[str, Any]:
    """Return the policy that a booking of `category` made at `now` has: the category's, else that of `*`, else version 0."""
    for scope in (category, EVERY_CATEGORY):
        if found := [data for data in heard(known, scope) if data.effective_at <= now]:
            return found[-1].model_dump(mode="json")
    policy = known.defaults.by_category.get(category, known.defaults.default)
    unset = {"effective_at": None, "set_by": None, "reason": None}
    return {"category": policy.category, "policy_version": policy.version, **OF_CONTRACT, **of_settings(policy), **unset}


def announced(known: Known, category: str, now: datetime) -> list[dict[str, Any]]:
    """Return the versions of `category` itself that are to take effect, the lowest first."""
    return [data.model_dump(mode="json") for data in heard(known, category) if data.effective_at > now]


def heard(known: Known, category: str) -> list[GracePolicySet]:
    """Return the versions of a category that count, the lowest first."""
    return [v.data for v in known.versions if v.heard and v.subject == category and isinstance(v.data, GracePolicySet)]


def categories(known: Known) -> list[str]:
    """Return `*` and every category that has a policy of its own."""
    ruled = {v.data.category for v in known.versions if isinstance(v.data, GracePolicySet)}
    return [EVERY_CATEGORY, *sorted((ruled | known.defaults.by_category.keys()) - {EVERY_CATEGORY})]


def calendars(known: Known) -> list[dict[str, Any]]:
    """Return the calendars that were published, without their days."""
    published = [v.data for v in known.versions if v.heard and isinstance(v.data, CalendarPublished)]
    return [
        {
            "calendar": c.calendar,
            "calendar_version": c.calendar_version,
            "effective_at": instant_text(c.effective_at),
            "years": list(c.years),
        }
        for c in published
    ]


@dataclass(frozen=True, slots=True)
class Following:
    """Whether the open bookings follow the policies in force: so many are dated anew of the `total` that the latest change concerns."""

    settled: bool
    as_of: datetime | None = None
    total: int | None = None
    redated: int = 0

    def as_json(self) -> Mapping[str, object]:
        """Return it as programs read it."""
        as_of = self.as_of and instant_text(self.as_of)
        return {"settled": self.settled, "as_of": as_of, "total": self.total, "redated": self.redated}


def following(policies: Policies, state: Pass | None, now: datetime) -> Following:
    """Return how far the open bookings follow `policies` as they are at `now`, by the latest pass."""
    if state is None:
        return Following(settled=False)
    settled = state.ended_at is not None and state.plan == plan(policies, now).text
    return Following(settled, state.as_of, state.total, state.changed)
