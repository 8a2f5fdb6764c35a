"""What others may ask of runs: apart from `app`, since who only asks needs none of what a process brings along."""

from services.expiry.answers import FullReport, Preview, Report, RunRequest, Started
from services.expiry.errors import AutoCancelDisabled, FutureAsOf, NoSuchRun
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
    "Preview",
    "Report",
    "RunRequest",
    "Started",
    "Status",
    "approve",
    "give_up",
    "preview",
    "report",
    "reports",
    "start",
]
