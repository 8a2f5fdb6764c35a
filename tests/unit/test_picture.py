"""The drawn lifecycle says what `decide` does."""

from pathlib import Path

import pytest

from contracts.message import Message
from services.booking.lifecycle import FOLLOW_UPS, ROWS, BookingCommand, Row
from services.booking.picture import PAGE, page
from services.booking.state import Booking
from tests.builders import ADMIN, BOOKING, accept, after, cancel, create, decline, events_of, expire

BEFORE = {None: None, "created": after(create(BOOKING, prepaid=True, payment_method="card")), "pending": after(create(BOOKING))}
BEFORE["confirmed"] = after(create(BOOKING), accept(BOOKING))


def sample(row: Row, booking: Booking | None) -> Message[BookingCommand]:
    """A command of the row that nothing is wrong with."""
    commands = (
        create(BOOKING, ADMIN),
        accept(BOOKING),
        decline(BOOKING),
        cancel(BOOKING),
        expire(BOOKING, booking.version if booking else 1),
    )
    return next(command for command in commands if type(command.data) is row.command)


@pytest.mark.parametrize(("row", "before"), [(row, before) for row in ROWS for before in row.before])
def test_every_arrow_of_the_table_is_what_happens(row: Row, before: str | None) -> None:
    first, *more = events_of(BEFORE[before], sample(row, BEFORE[before]))
    assert ((type(first.data),), first.data.status) == (row.events, row.after)
    assert [(type(e.data), e.data.status) for e in more] == [(f.event, f.after) for f in FOLLOW_UPS if f.before == row.after]


def test_the_page_shows_every_arrow_and_is_up_to_date() -> None:
    arrows = [f"{before or '[*]'} --> {row.after}: {row.command.__name__}" for row in ROWS for before in row.before]
    assert all(arrow in page() for arrow in arrows)
    assert (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8") == page()
