"""The calendars that come with the service: data files beside this one, in force from the beginning of time."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from contracts.policies import CalendarPublished, GracePolicySet
from contracts.values import EARLIEST, instant_text
from services.expiry.calendar import Calendar

NEPAL = "NP"
NAMES = (NEPAL,)


@cache
def shipped() -> Mapping[str, tuple[Calendar, ...]]:
    """Return the versions of every calendar that is shipped, by name."""
    return {name: (_read(name),) for name in NAMES}


def is_shipped(data: CalendarPublished | GracePolicySet) -> bool:
    """Return whether `data` is about a version of a calendar that is shipped, whatever it says."""
    return isinstance(data, CalendarPublished) and data.calendar_version in [c.version for c in shipped().get(data.calendar, ())]


def _read(name: str) -> Calendar:
    data = from_json(files("services.expiry").joinpath("calendars", f"{name}.json").read_bytes())
    published = TypeAdapter(CalendarPublished).validate_json(to_json({**data, "effective_at": instant_text(EARLIEST)}))
    return replace(Calendar.of(published), effective_at=None)
