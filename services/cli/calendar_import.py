"""Holidays of other countries, taken from the `holidays` package once and frozen: from then on they are data of ours.

The package's weekends are never used; some of them are wrong.
"""

import warnings
from collections.abc import Sequence
from datetime import date
from typing import Any

import holidays

from services.runtime.errors import Halt

ENGLISH = "en_US"
BEGINNING = date(1900, 1, 1)


def imported(country: str, years: tuple[int, int], weekend: Sequence[str]) -> dict[str, Any]:
    """Return years, weekend and public holidays of a country, `DE`, or of a part of it, `DE-BY`. Raises Halt that names what is wrong."""
    return {
        "years": list(years),
        "weekends": [{"from": BEGINNING.isoformat(), "days": list(weekend)}],
        "holidays": [{"date": day.isoformat(), "name": name} for day, name in sorted(_holidays(country, years).items())],
        "working_days": [],
        "closures": [],
    }


def _holidays(country: str, years: tuple[int, int]) -> dict[date, str]:
    code, _, part = country.partition("-")
    every = range(years[0], years[1] + 1)
    try:
        known = holidays.country_holidays(code, subdiv=part or None)
        language = ENGLISH if ENGLISH in known.supported_languages else None
        with warnings.catch_warnings(action="error"):
            found = holidays.country_holidays(code, subdiv=part or None, years=every, language=language)
    except NotImplementedError as error:
        raise Halt(f"COUNTRY: {error}") from error
    except UserWarning as warning:
        raise Halt(f"--years: {warning}") from warning
    if missing := sorted(set(every) - {day.year for day in found}):
        raise Halt(f"--years: no holidays of {country} are known in {', '.join(map(str, missing))}")
    return {day: name for day, name in found.items() if day.year in every}
