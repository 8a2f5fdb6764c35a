"""What others may ask of deadlines, policies and runs: apart from `app`, since who only asks needs none of what a process brings along."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import office, published
from services.expiry.answers import FullReport, Preview, Report, RunRequest, Started
from services.expiry.calendar import Calendar
from services.expiry.current import over
from services.expiry.errors import AutoCancelDisabled, FutureAsOf, NoSuchRun, NotAcceptable, Problem
from services.expiry.explanation import explain, story
from services.expiry.manual import approve, give_up, preview, report, reports, start
from services.expiry.policies import Policies
from services.expiry.recheck import Difference, differences
from services.expiry.runs import Mode, Status
from services.expiry.settings import ExpirySettings
from services.expiry.shelf import in_force, versions, whole
from services.expiry.tables import SCHEMA

__all__ = [
    "SCHEMA",
    "AutoCancelDisabled",
    "Calendar",
    "Difference",
    "ExpirySettings",
    "FullReport",
    "FutureAsOf",
    "Mode",
    "NoSuchRun",
    "NotAcceptable",
    "Policies",
    "Preview",
    "Problem",
    "Report",
    "RunRequest",
    "Started",
    "Status",
    "approve",
    "differences",
    "explain",
    "give_up",
    "in_force",
    "office",
    "policies",
    "preview",
    "report",
    "reports",
    "start",
    "story",
    "versions",
    "whole",
]


async def policies(connection: AsyncConnection, defaults: Policies) -> Policies:
    """Return what was published so far, over the policies of the settings."""
    return over(defaults, await published.heard(connection))
