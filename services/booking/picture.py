"""Draws docs/lifecycle.md from the table: `python -m services.booking.picture [--check]`."""

import sys
from pathlib import Path

from contracts.commands import OverrideBooking
from services.booking.lifecycle import FOLLOW_UPS, ROWS, SYSTEM, FollowUp, Row
from services.runtime.pages import keep_page

PAGE = Path("docs/lifecycle.md")
INTRODUCTION = """# The lifecycle of a booking

Drawn from the table in `services/booking/table.py` by `python -m services.booking.picture`; `make check` fails when the two differ.
Whatever the table does not allow is refused, and the refusal is recorded in `booking.rejections.v1`.
An arrow that bears an event is taken by the system itself. Overrides lead from everywhere to everywhere, and are not drawn.
"""
RULES = f"""
A command that leaves the status unchanged adds its event all the same. What the system adds comes in the same transaction.
`LapsePrepayment` and a `ConfirmDelivery` by `{SYSTEM}` are the service's commands to itself, and come from no topic.

## In which order a command is checked

1. `not-found`: the sender is no party of the booking (upstream services, admins and our own services are parties of all).
2. `forbidden`: the sender's role may not send this command, a customer creates for somebody else, or somebody reports itself absent.
3. Its effect holds already: unchanged, no event and no rejection.
4. `version-conflict`: `expected_version` is not the booking's version.
5. `invalid-transition` (`already-exists` for a creation under a known id with other data).
6. The rules of the command's own fields: `too-early`, `not-due`, `stale-command`, `disputed`, `not-confirmed`, `payment-due`,
   `evidence-required`, `already-reviewed`, `override-too-late`, `money-inconsistent`.
7. `slot-taken`: the provider has another booking at that time. Touching is no overlap.

## When nothing changes

| command | changes nothing |
|---|---|
| CreateBooking | under a known id, with the same data |
| AcceptBooking | when confirmed |
| DeclineBooking | when declined |
| CancelBooking | when cancelled, for whatever reason |
| MaintenanceCancel | when cancelled for maintenance |
| RescheduleBooking, EditNotes, SuggestRebooking | with the slot, the notes or the suggestions that the booking has |
| DeliverService | when awaiting confirmation |
| ConfirmDelivery | by the customer who has confirmed, unless it disputed the delivery since |
| CompleteBooking | when completed |
| DisputeDelivery | when disputed |
| MarkNoShow | when cancelled because the same side did not come |
| OverrideBooking | to the present status |

Nothing else does: an `ExpireBooking` of a cancelled booking and a second review are refused.

## Money

A payment fact is never refused. It adds a `PaymentRecorded` with the sums after it, in every status, unless it is a copy (of one type
under one `gateway_reference` or `refund_id` the first counts) or a void with nothing to free.

The status of the money follows from the sums, so that facts and commands may come in any order: `held` once another currency came in,
else `refund_pending` while less is refunded than was requested, else `refunded` or `partially_refunded`, else `captured`, and only
without any of these what the last authorisation, failure or void says.

A booking is paid when what was captured is the total, or is once the refunds of an excess are taken off. Held money pays nothing.
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
