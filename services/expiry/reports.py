"""What others may ask of deadlines, policies and runs: apart from `app`, since who only asks needs none of what a process brings along."""

from services.expiry import office
from services.expiry.answers import FullReport, Preview, Report, RunRequest, Started
from services.expiry.errors import AutoCancelDisabled, FutureAsOf, NoSuchRun, NotAcceptable, Problem
from services.expiry.manual import approve, give_up, preview, report, reports, start
from services.expiry.runs import Mode, Status
from services.expiry.settings import ExpirySettings
from services.expiry.tables import SCHEMA

__all__ = [
    "SCHEMA",
    "AutoCancelDisabled",
    "ExpirySettings",
    "FullReport",
    "FutureAsOf",
    "Mode",
    "NoSuchRun",
    "NotAcceptable",
    "Preview",
    "Problem",
    "Report",
    "RunRequest",
    "Started",
    "Status",
    "approve",
    "give_up",
    "office",
    "preview",
    "report",
    "reports",
    "start",
]
