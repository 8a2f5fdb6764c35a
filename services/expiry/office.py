"""What admins do, for the command line and the HTTP API: each is a transaction of its own on a connection to the database."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import published, redatings
from services.expiry.changes import known, publish_calendar, set_policy
from services.expiry.current import over
from services.expiry.drafts import Known, Wish
from services.expiry.emissions import SOURCE
from services.expiry.errors import NotAcceptable, Problem
from services.expiry.plan import plan
from services.expiry.policies import Policies
from services.expiry.published import AnyPolicy, hear
from services.expiry.simulate import Candidate, Simulation, simulate
from services.expiry.views import Following, announced, calendars, categories, following, heard, in_force

__all__ = [
    "SOURCE",
    "AnyPolicy",
    "Candidate",
    "Following",
    "Known",
    "NotAcceptable",
    "Problem",
    "Simulation",
    "Wish",
    "announced",
    "calendars",
    "categories",
    "dated_by",
    "follow",
    "hear",
    "heard",
    "in_force",
    "is_heard",
    "known",
    "publish_calendar",
    "set_policy",
    "simulate",
]
Progress = Callable[[Following], object]


async def is_heard(connection: AsyncConnection, data: AnyPolicy) -> bool:
    """Return whether the running services know of a version that was asked for."""
    return any(v.heard and v.data == data for v in await published.versions(connection, data.required_subject()))


async def follow(connection: AsyncConnection, defaults: Policies, now: datetime) -> Following:
    """Return how far the open bookings follow the policies in force at `now`."""
    policies = over(defaults, await published.heard(connection))
    return following(policies, await redatings.latest(connection), now)


def dated_by(policies: Policies, now: datetime) -> str:
    """Return what the index remembers of bookings without a policy of their own category."""
    return plan(policies, now).spans[-1].dated_by
