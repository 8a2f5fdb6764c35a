"""The drawn lifecycle says what `decide` does: all that happens is drawn, and all that is drawn happens."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest

from contracts.message import Message
from services.booking.lifecycle import FOLLOW_UPS, ROWS, TABLE, Cause, Facts, Row, decide
from services.booking.picture import PAGE, page
from services.booking.state import Booking, Occurred
from tests.builders import ADMIN, BOOKING, HOUR, NOW
from tests.payment_facts import authorized, captured, failed
from tests.unit.lifecycle_cells import LIVED, SENDERS, STATES
from tests.unit.test_lifecycle import EVERY_COMMAND

PAID = replace(STATES["agreed"] or LIVED["agreed"], money=LIVED["completed"].money)
BEFORE: list[Booking | None] = [*STATES.values(), PAID]
FACTS: list[Message[Cause]] = [authorized(BOOKING), captured(BOOKING), failed(BOOKING)]


def happenings() -> Iterator[tuple[Row, Booking | None, tuple[Occurred, ...]]]:
    """Everything that a command brings about, with the row that it is drawn in."""
    for before, make, sender in product(BEFORE, EVERY_COMMAND.values(), SENDERS.values()):
        command = make(sender)
        decision = decide(before, command, Facts(), NOW + HOUR if command.name == "LapsePrepayment" else NOW)
        if isinstance(decision, tuple):
            yield next(row for row in TABLE[type(command.data)] if row.admits(sender)), before, decision


def status_of(booking: Booking | None) -> str | None:
    return booking.status if booking else None


HAPPENINGS = list(happenings())
DRAWN = {(f.before, f.event, f.after) for f in FOLLOW_UPS}


def test_whatever_happens_is_drawn() -> None:
    for row, before, (first, *more) in HAPPENINGS:
        assert (type(first.data), status_of(before) in row.before) == (row.event, True)
        assert first.data.status in (row.after or {status_of(before)})
        assert {(one.data.status, type(two.data), two.data.status) for one, two in pairwise([first, *more])} <= DRAWN


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.command.__name__} by {row.who[0]}")
def test_every_row_happens_from_each_of_its_states(row: Row) -> None:
    seen = {(status_of(before), events[0].data.status) for drawn, before, events in HAPPENINGS if drawn is row}
    assert {before for before, _ in seen} == set(row.before)
    assert {after for _, after in seen} == set(row.after or row.before)


def test_every_follow_up_happens() -> None:
    by_facts = [decide(before, fact, Facts(), NOW) for before, fact in product(LIVED.values(), FACTS)]
    chains = [events for *_, events in HAPPENINGS] + [events for events in by_facts if isinstance(events, tuple)]
    seen = {(one.data.status, type(two.data), two.data.status) for chain in chains for one, two in pairwise(chain)}
    assert seen == DRAWN


def test_the_page_shows_every_arrow_and_is_up_to_date() -> None:
    arrows = [
        f"{before or '[*]'} --> {after}: {row.command.__name__}"
        for row in ROWS
        if len(row.after) == 1
        for before in row.before
        for after in row.after
    ]
    assert all(arrow in page() for arrow in arrows)
    assert all(type(make(ADMIN).data).__name__ in page() for make in EVERY_COMMAND.values())
    assert (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8") == page()
