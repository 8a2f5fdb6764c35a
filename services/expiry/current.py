"""The policies as they stand: what was published over what the settings say, read again when there is something new."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.policies import GracePolicySet
from services.expiry import published, redatings
from services.expiry.calendar import Calendar
from services.expiry.grace import Policy
from services.expiry.policies import Policies
from services.expiry.published import AnyPolicy, Revision


class Dating(NamedTuple):
    """What a transaction dates bookings by: the policies, and the instant that it takes them at."""

    policies: Policies
    at: datetime


@dataclass
class Current:
    """One small query tells whether the policies read before still stand; every step asks, so that processes agree."""

    defaults: Policies
    revision: Revision = field(default_factory=Revision)
    policies: Policies = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the settings."""
        self.policies = self.defaults

    async def read(self, connection: AsyncConnection) -> Policies:
        """Return the policies at this moment."""
        revision = await published.revision(connection)
        if revision != self.revision:
            self.policies, self.revision = over(self.defaults, await published.heard(connection)), revision
        return self.policies

    async def dating(self, connection: AsyncConnection, now: datetime) -> Dating:
        """Return what the transaction of `connection` has to date bookings by: never an instant before that of a pass under way."""
        await redatings.share(connection)
        policies = await self.read(connection)
        return Dating(policies, max(now, self.revision.as_of or now))


def over(defaults: Policies, messages: Iterable[AnyPolicy]) -> Policies:
    """Return `defaults` with what was published, of each subject the lowest version first."""
    policies: dict[str, tuple[Policy, ...]] = {}
    calendars = dict(defaults.calendars)
    for data in messages:
        if isinstance(data, GracePolicySet):
            policies[data.category] = (*policies.get(data.category, ()), _policy(data))
        else:
            calendars[data.calendar] = (*calendars.get(data.calendar, ()), Calendar.of(data))
    return Policies(defaults.default, defaults.by_category, policies, calendars)


def _policy(data: GracePolicySet) -> Policy:
    return Policy(
        data.category,
        data.grace_hours,
        data.quiet_hours,
        data.adjust,
        data.timezone,
        data.calendar,
        version=data.policy_version,
        reminders=data.reminders,
        pin=data.pin,
        effective_at=data.effective_at,
    )
