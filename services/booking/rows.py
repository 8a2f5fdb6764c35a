"""A booking as a row of its table, and back: its money stands in columns beside the others, lists in JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import compress
from operator import attrgetter, ne
from typing import Any

from pydantic import TypeAdapter

from contracts.parts import Photo, Suggestion
from services.booking.model import Booking
from services.booking.money import Entry, Money

OWN = tuple(field.name for field in fields(Booking) if field.name != "money")
MONEY = tuple(field.name for field in fields(Money))
COLUMNS = (*OWN, *MONEY)
LISTS: Mapping[str, TypeAdapter[Any]] = {
    "photos": TypeAdapter(tuple[Photo, ...]),
    "suggestions": TypeAdapter(tuple[Suggestion, ...]),
    "entries": TypeAdapter(tuple[Entry, ...]),
}
SELECTED = ", ".join(f"{name}::text as {name}" if name in LISTS else name for name in COLUMNS)
_LISTED = tuple((COLUMNS.index(name), listed) for name, listed in LISTS.items())
_cells_of = attrgetter(*OWN, *(f"money.{name}" for name in MONEY))


def cells_of(booking: Booking) -> dict[str, Any]:
    """Return every column by its name."""
    return dict(zip(COLUMNS, _cells_of(booking), strict=True))


def changing(pairs: Iterable[tuple[Booking, Booking]]) -> list[str]:
    """Return, in order, the columns in which a booking before and after differ in one of `pairs` or more."""
    changed = {name for before, after in pairs for name in _differing(before, after)}
    return [name for name in COLUMNS if name in changed]


def _differing(before: Booking, after: Booking) -> Iterable[str]:
    return compress(COLUMNS, map(ne, _cells_of(before), _cells_of(after)))


def as_row(booking: Booking, columns: Iterable[str] = COLUMNS) -> dict[str, object]:
    """Return those of `columns` that are not null."""
    cells = cells_of(booking)
    return {name: _written(name, cells[name]) for name in columns if cells[name] is not None}


def _written(name: str, cell: Any) -> object:
    return [item.model_dump(mode="json") for item in cell] if name in LISTS else cell


def as_booking(row: Sequence[Any]) -> Booking:
    """Return the booking in a row of SELECTED."""
    cells = list(row)
    for place, listed in _LISTED:
        cells[place] = () if cells[place] == "[]" else listed.validate_json(cells[place])
    return Booking(*(*cells[: len(OWN)], Money(*cells[len(OWN) :])))
