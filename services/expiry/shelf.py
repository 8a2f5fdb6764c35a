"""Calendars as they are shown: every version there is, and the days of the one in force."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from contracts.values import instant_text
from services.expiry.calendar import Calendar
from services.expiry.policies import Policies


def versions(policies: Policies, now: datetime) -> list[dict[str, Any]]:
    """Return every version of every calendar by name, the oldest first, and which one is in force at `now`."""
    return [
        {**_headed(version), "in_force": version is in_force(policies, name, now)}
        for name in sorted(policies.calendars)
        for version in policies.calendars[name]
    ]


def in_force(policies: Policies, name: str, now: datetime) -> Calendar | None:
    """Return the version of a calendar that is in force at `now`."""
    return next((v for v in reversed(policies.calendars.get(name, ())) if v.effective_at is None or v.effective_at <= now), None)


def whole(calendar: Calendar, year: int | None) -> dict[str, Any]:
    """Return a calendar as it is published, the days of `year` only if one is named."""
    weekends = [{"from": since.isoformat(), "days": sorted(days)} for since, days in calendar.weekends]
    named = {"holidays": calendar.holidays, "working_days": calendar.working_days, "closures": calendar.closures}
    return {**_headed(calendar), "weekends": weekends, **{field: _days(days, year) for field, days in named.items()}}


def _headed(calendar: Calendar) -> dict[str, Any]:
    return {
        "calendar": calendar.name,
        "calendar_version": calendar.version,
        "source": "shipped" if calendar.effective_at is None else "published",
        "effective_at": calendar.effective_at and instant_text(calendar.effective_at),
        "years": list(calendar.years),
    }


def _days(days: Mapping[date, str], year: int | None) -> list[dict[str, str]]:
    return [{"date": day.isoformat(), "name": name} for day, name in sorted(days.items()) if year in {None, day.year}]
