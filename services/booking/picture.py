"""Draws docs/lifecycle.md from the table: `python -m services.booking.picture [--check]`."""

import sys
from pathlib import Path

from contracts.commands import OverrideBooking
from services.booking.lifecycle import FOLLOW_UPS, ROWS, SYSTEM, FollowUp, Row
from services.runtime.pages import keep_page

PAGE = Path("docs/lifecycle.md")
INTRODUCTION = """# The lifecycle of a booking

Drawn from the table in `services/booking/lifecycle.py` by `python -m services.booking.picture`; `make check` fails when the two differ.
Whatever the table does not allow is refused, and the refusal is recorded in `booking.rejections.v1`.
A command whose effect holds already changes nothing.
"""
RULES = """
## In which order a command is checked

1. `not-found`: the sender is no party of the booking (upstream services, admins and our own services are parties of all).
2. `forbidden`: the sender's role may not send this command, or a customer creates for somebody else.
3. Its effect holds already: unchanged, no event and no rejection. An `ExpireBooking` of a cancelled booking is a rejection instead.
4. `version-conflict`: `expected_version` is not the booking's version.
5. `invalid-transition` (`already-exists` for a creation under a known id with other data).
6. The rules of the command's own fields: `money-inconsistent`, `not-due`, `stale-command`.
7. `slot-taken`: the provider has another booking at that time. Touching is no overlap.
"""


def page() -> str:
    """Return the page in Markdown, with a state diagram in Mermaid."""
    arrows = [arrow for row in ROWS for arrow in _arrows(row)] + [f"{f.before} --> {f.after}: {f.event.__name__}" for f in FOLLOW_UPS]
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {arrow}" for arrow in sorted(arrows)), "```"])
    header = "| from | command | who | to | event | |\n|---|---|---|---|---|---|"
    return "\n".join([INTRODUCTION, diagram, "", header, *map(_line, ROWS), *map(_follow_up_line, FOLLOW_UPS), RULES])


def _arrows(row: Row) -> list[str]:
    """The moves of a row; an override, which leads from everywhere to everywhere, would hide them."""
    moves = [] if row.command is OverrideBooking else [(before, after) for before in row.before for after in row.after]
    return [f"{before or '[*]'} --> {after}: {row.command.__name__}" for before, after in moves]


def _line(row: Row) -> str:
    before = ", ".join(status or "–" for status in row.before)
    after = ", ".join(row.after) or "unchanged"
    return f"| {before} | {row.command.__name__} | {', '.join(row.who)} | {after} | {row.event.__name__} | {row.note} |"


def _follow_up_line(f: FollowUp) -> str:
    return f"| {f.before} | – | {SYSTEM} | {f.after} | {f.event.__name__} | {f.note} |"


if __name__ == "__main__":
    sys.exit(keep_page(PAGE, page(), "python -m services.booking.picture"))
