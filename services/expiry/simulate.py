"""What another policy or calendar would do to the open bookings: they are judged twice, and nothing is changed."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.values import instant_text
from services.expiry import store
from services.expiry.changes import known
from services.expiry.current import over
from services.expiry.drafts import Wish, calendar_draft, draft
from services.expiry.grace import EVERY_CATEGORY, deadline, eligible
from services.expiry.policies import Policies
from services.expiry.store import Entry

BATCH = 2000
LISTED = 1000
NOBODY = "admin:00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One booking, with the deadline that it has and the one that it would have."""

    at: datetime
    booking: UUID
    stands: datetime | None = field(compare=False)
    would_be: datetime | None = field(compare=False)
    total_amount: Decimal = field(compare=False)

    def as_json(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {
            "booking": str(self.booking),
            "from": self.stands and instant_text(self.stands),
            "to": self.would_be and instant_text(self.would_be),
            "total_amount": str(self.total_amount),
        }


@dataclass(slots=True)
class Group:
    """Bookings that share a fate: how many, worth how much, and the first thousand in the scan's order."""

    count: int = 0
    total_amount: Decimal = Decimal("0.00")
    first: list[Change] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Count a booking."""
        self.count += 1
        self.total_amount += change.total_amount
        self.first.append(change)
        if len(self.first) >= 2 * LISTED:
            self.first = sorted(self.first)[:LISTED]

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it."""
        results = [change.as_json() for change in sorted(self.first)[:LISTED]]
        return {"count": self.count, "total_amount": str(self.total_amount), "results": results, "truncated": self.count > len(results)}


@dataclass(slots=True)
class Simulation:
    """Who has lapsed at `as_of` as things stand, and under the candidate; whose fate differs, and whose deadline moves otherwise."""

    as_of: datetime
    current: Group = field(default_factory=Group)
    candidate: Group = field(default_factory=Group)
    newly_cancelled: Group = field(default_factory=Group)
    spared: Group = field(default_factory=Group)
    moved: Group = field(default_factory=Group)

    @property
    def groups(self) -> dict[str, Group]:
        """The groups by name."""
        return {name: getattr(self, name) for name in ("current", "candidate", "newly_cancelled", "spared", "moved")}

    def judge(self, entry: Entry, stands: Policies, candidate: Policies) -> None:
        """Put an open booking where it belongs."""
        before, after = (deadline(entry.facts, policies.of(entry.facts, self.as_of)) for policies in (stands, candidate))
        lapsed, would_lapse = (eligible(entry.facts, due, self.as_of) for due in (before, after))
        last = datetime.max.replace(tzinfo=self.as_of.tzinfo)
        order = after.expires_at if would_lapse else before.expires_at
        change = Change(order or last, entry.booking, before.expires_at, after.expires_at, entry.total_amount or Decimal("0.00"))
        for group, belongs in (
            (self.current, lapsed),
            (self.candidate, would_lapse),
            (self.newly_cancelled, would_lapse and not lapsed),
            (self.spared, lapsed and not would_lapse),
            (self.moved, lapsed == would_lapse and before.expires_at != after.expires_at),
        ):
            if belongs:
                group.add(change)

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it."""
        return {"as_of": instant_text(self.as_of), **{name: group.as_json() for name, group in self.groups.items()}}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is tried: other fields of the policy of `category` (None is `*`, for the bookings of every category), a calendar, or both."""

    category: str | None = None
    policy: Mapping[str, object] | None = None
    calendar: Mapping[str, object] | None = None


async def simulate(
    connection: AsyncConnection,
    defaults: Policies,
    candidate: Candidate,
    as_of: datetime,
    progress: Callable[[int], object] = lambda _: None,
) -> Simulation:
    """Judge every open booking as things stand and as if `candidate` took effect at `as_of`. Raises NotAcceptable.

    `progress` is told how many bookings were judged at each step.
    """
    everything = await known(connection, defaults)
    tried = everything
    if candidate.calendar is not None:
        tried = tried.after(calendar_draft(tried, {**candidate.calendar, "effective_at": instant_text(as_of)}, as_of))
    if candidate.policy is not None:
        wish = Wish(candidate.category or EVERY_CATEGORY, candidate.policy, NOBODY, effective_at=as_of)
        tried = tried.after(draft(tried, wish, as_of))
    stands, other = (over(defaults, [version.data for version in known.versions]) for known in (everything, tried))
    simulation = Simulation(as_of)
    async for entries in _open(connection, candidate.category):
        for entry in entries:
            simulation.judge(entry, stands, other)
        progress(len(entries))
    return simulation


async def _open(connection: AsyncConnection, category: str | None) -> AsyncIterator[list[Entry]]:
    """Yield the open bookings in batches, those of one category if it is named."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        entries = await store.open_ones(connection, after, BATCH)
        yield [entry for entry in entries if category in {None, EVERY_CATEGORY, entry.facts.category}]
        after = entries[-1].booking if len(entries) == BATCH else None
