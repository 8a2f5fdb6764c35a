"""Which time of which provider a batch may take, so that it is locked and loaded before anything is decided."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from uuid import UUID

from contracts.commands import AcceptBooking, CreateBooking, OverrideBooking, RescheduleBooking
from services.booking.lifecycle import Cause
from services.booking.model import Booking, Slot

TAKING = AcceptBooking | RescheduleBooking | OverrideBooking


def wanted(bookings: Mapping[UUID, Booking], asked: Iterable[tuple[UUID, Cause]]) -> Iterator[Slot]:
    """Yield all the time that a booking might take, whatever becomes of the single commands about it."""
    by_booking: dict[UUID, list[Cause]] = defaultdict(list)
    for booking, data in asked:
        by_booking[booking].append(data)
    for booking, about in by_booking.items():
        if any(isinstance(data, TAKING) for data in about):
            yield from _possible(booking, bookings.get(booking), about)


def _possible(id_: UUID, booking: Booking | None, about: Sequence[Cause]) -> Iterator[Slot]:
    """Yield a slot from every start that was named, as long as the longest duration that was."""
    known: list[Booking | CreateBooking] = [data for data in about if isinstance(data, CreateBooking)]
    known += [booking] if booking else []
    places = [*known, *(data for data in about if isinstance(data, RescheduleBooking))]
    minutes = max((place.duration_minutes or 0 for place in places), default=0)
    for provider in {each.provider for each in known}:
        for start in {place.booking_date for place in places}:
            yield Slot.lasting(id_, provider, start, minutes)
