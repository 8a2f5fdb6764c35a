"""What others may ask of deadlines: apart from `app`, since who only reads needs none of what a process brings along."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import published
from services.expiry.calendar import Calendar
from services.expiry.current import over
from services.expiry.explanation import explain, story
from services.expiry.policies import Policies
from services.expiry.recheck import Difference, differences
from services.expiry.settings import ExpirySettings
from services.expiry.shelf import in_force, versions, whole

__all__ = [
    "Calendar",
    "Difference",
    "ExpirySettings",
    "Policies",
    "differences",
    "explain",
    "in_force",
    "policies",
    "story",
    "versions",
    "whole",
]


async def policies(connection: AsyncConnection, defaults: Policies) -> Policies:
    """Return what was published so far, over the policies of the settings."""
    return over(defaults, await published.heard(connection))
