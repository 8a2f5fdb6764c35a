"""A booking as a row of its table, and back: its money stands in columns beside the others, lists in JSON."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from contracts.parts import Photo, Suggestion
from services.booking.model import Booking
from services.booking.money import Entry, Money

OWN = tuple(field.name for field in fields(Booking) if field.name != "money")
MONEY = tuple(field.name for field in fields(Money))
COLUMNS = (*OWN, *MONEY)
CHANGING = tuple(name for name in COLUMNS if name != "id")
LISTS: Mapping[str, TypeAdapter[Any]] = {
    "photos": TypeAdapter(tuple[Photo, ...]),
    "suggestions": TypeAdapter(tuple[Suggestion, ...]),
    "entries": TypeAdapter(tuple[Entry, ...]),
}
SELECTED = ", ".join(f"{name}::text as {name}" if name in LISTS else name for name in COLUMNS)


def as_row(booking: Booking) -> dict[str, object]:
    """Return the columns that are not null."""
    cells = {**{name: getattr(booking, name) for name in OWN}, **{name: getattr(booking.money, name) for name in MONEY}}
    lists = {name: [item.model_dump(mode="json") for item in cells[name]] for name in LISTS}
    return {name: value for name, value in {**cells, **lists}.items() if value is not None}


def as_booking(row: Mapping[Any, Any]) -> Booking:
    """Return the booking in a row of SELECTED."""
    cells = {**row, **{name: () if row[name] == "[]" else listed.validate_json(row[name]) for name, listed in LISTS.items()}}
    return Booking(**{name: cells[name] for name in OWN}, money=Money(**{name: cells[name] for name in MONEY}))
