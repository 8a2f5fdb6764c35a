"""The rule: when people are reminded of a request that nobody answers, before it lapses."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.expiry.grace import Deadline, Facts


@dataclass(frozen=True, slots=True, order=True)
class Lead:
    """The instant of a reminder, `hours` before the deadline `expires_at`."""

    at: datetime
    hours: float
    expires_at: datetime


def leads(facts: Facts, decided: Deadline, after: datetime | None) -> list[Lead]:
    """Return the reminders of a pending request that are later than `after`, in order; nobody is reminded of anything else."""
    end = decided.expires_at
    if facts.status != "pending" or after is None or end is None:
        return []
    every = {Lead(end - timedelta(hours=hours), hours, end) for hours in decided.policy.reminders}
    return sorted(lead for lead in every if lead.at > after)


def next_at(facts: Facts, decided: Deadline, after: datetime | None) -> datetime | None:
    """Return the instant of the first reminder later than `after`."""
    return next((lead.at for lead in leads(facts, decided, after)), None)


def lead_due(facts: Facts, decided: Deadline, after: datetime | None, now: datetime) -> Lead | None:
    """Return the reminder to give at `now`: of several that were missed the one nearest to the deadline, and none once that is reached."""
    reached = [lead for lead in leads(facts, decided, after) if lead.at <= now < lead.expires_at]
    return reached[-1] if reached else None
