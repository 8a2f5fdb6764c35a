"""The explanation of a deadline as people read it."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from contracts.values import parse_instant
from services.cli.output import printable
from services.cli.telling import local

Told = Mapping[str, Any]
MARKS = {True: ("✓", "green"), False: ("✗", "red")}
WAITS = {"none": "days off count", "roll_forward": "rolled over days off", "pause": "paused on days off"}
ANCHORS = {"booking_date": "booked for", "last_status_update": "last changed"}


def explanation(screen: Console, told: Told) -> None:
    """Print an explanation in words, every instant in UTC and local time."""
    zone = told["policy"]["timezone"]
    screen.print(Text.assemble("booking ", (told["booking"], "bold"), f": {told['status']} at {_both(told['as_of'], zone)}, {zone}"))
    screen.print(Text(_verdict(told), "bold"))
    for rule in told["rules"]:
        mark, style = MARKS[rule["pass"]]
        screen.print(Text.assemble("  ", (mark, style), f" {rule['rule']:<17} {_looked_at(rule['rule'], told)}"))
    for line in (*_policy(told), *(line for term in told["terms"] for line in _term(term, zone))):
        screen.print(Text(printable(line)))


def _verdict(told: Told) -> str:
    zone = told["policy"]["timezone"]
    if told["decision"]:
        return f"expired: its deadline was {_both(told['decision']['expires_at'], zone)}"
    if told["expires_at"] is None:
        return "it has no deadline"
    return f"{'due since' if told['eligible'] else 'due at'} {_both(told['expires_at'], zone)}"


def _looked_at(rule: str, told: Told) -> str:
    """Return what a rule looks at, for a booking that has it."""
    zone, terms, known = told["policy"]["timezone"], told["terms"], (told["decision"] or told)["expires_at"]
    facts = {
        "status_open": f"the booking is {told['status']}",
        "date_passed": f"booked for {_both(terms[0]['at'], zone)}" if terms else "",
        "calendar_covers": f"{_calendar(told)} does not know a day that the deadline needs",
        "deadline_reached": _distance(known, told["as_of"]) if known else "",
    }
    return facts[rule]


def _distance(deadline: str, as_of: str) -> str:
    left = parse_instant(deadline) - parse_instant(as_of)
    return f"{left} left" if left > timedelta(0) else f"reached {-left} before"


def _policy(told: Told) -> Iterator[str]:
    policy = told["policy"]
    hours = f"{policy['grace_hours']:g} h from the date, {policy['quiet_hours']:g} h from the last change"
    category = "the default" if policy["category"] == "*" else policy["category"]
    yield f"policy: {category}, version {policy['version']}, {policy['pin']}: {hours}, {WAITS[policy['adjust']]}"
    if policy["calendar"]:
        yield f"calendar: {_calendar(told)}"


def _calendar(told: Told) -> str:
    return f"{told['policy']['calendar']} {told['calendar_version'] or '(no version in force)'}"


def _term(term: Told, zone: str) -> Iterator[str]:
    yield f"{ANCHORS[term['anchor']]} {_both(term['at'], zone)}"
    yield f"  + {term['hours']:g} h    {_both(term['unadjusted'], zone)}"
    for day in term["skipped"]:
        yield f"  skipped {date.fromisoformat(day['date']):%a %d %b %Y}: {day['why']}, {day['name']}"
    yield f"  deadline  {_both(term['deadline'], zone) if term['deadline'] else 'not known'}"


def _both(instant: str, zone: str) -> str:
    return f"{instant} ({local(parse_instant(instant), ZoneInfo(zone))})"
