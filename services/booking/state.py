"""What a booking is, and what each event makes of it. Replay is `reduce(evolve, events)`."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never
from uuid import UUID

from contracts.actors import Actor
from contracts.commands import BookingFacts
from contracts.events import BookingAccepted, BookingCancelled, BookingCreated, BookingSubmitted, CancellationReason, Status
from contracts.message import canonical_json
from services.booking.errors import BrokenHistory

BookingEvent = BookingCreated | BookingSubmitted | BookingAccepted | BookingCancelled
FACTS = set(BookingFacts.model_fields)
OCCUPYING: frozenset[Status] = frozenset({"confirmed", "service_delivered", "awaiting_confirmation"})


@dataclass(frozen=True, slots=True)
class Occurred:
    """An event of one booking: its version counts from 1, `at` is the instant of the deciding transaction."""

    booking: UUID
    version: int
    at: datetime
    actor: Actor
    data: BookingEvent


@dataclass(frozen=True, slots=True)
class Slot:
    """The time [start, end) that a booking takes of its provider."""

    booking: UUID
    provider: UUID
    start: datetime
    end: datetime

    def overlaps(self, other: "Slot") -> bool:
        """Return whether both take some time of one provider; touching is no overlap."""
        return self.provider == other.provider and self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Booking:
    """The state of one booking after its last event."""

    id: UUID
    version: int
    status: Status
    customer: UUID
    provider: UUID
    service: UUID
    category: str
    booking_date: datetime
    duration_minutes: int
    total_amount: Decimal
    currency: str
    prepaid: bool
    requires_photos: bool
    min_photos: int
    payment_method: str | None
    notes: str | None
    rebooked_from: UUID | None
    creation_digest: str
    created_at: datetime
    updated_at: datetime
    last_status_update_at: datetime | None = None
    cancellation_reason: CancellationReason | None = None
    cancellation_note: str | None = None
    cancelled_by: str | None = None
    cancelled_at: datetime | None = None
    auto_cancelled: bool = False
    expired_at: datetime | None = None

    @property
    def slot(self) -> Slot:
        """The time it takes, or would take once accepted."""
        return Slot(self.id, self.provider, self.booking_date, self.booking_date + timedelta(minutes=self.duration_minutes))

    @property
    def taken(self) -> Slot | None:
        """The time it takes of its provider now."""
        return self.slot if self.status in OCCUPYING else None


def creation_digest(facts: BookingFacts) -> str:
    """Return the same text for the same facts of a creation, and only for those."""
    return hashlib.sha256(canonical_json(facts.model_dump(mode="json", include=FACTS))).hexdigest()


def evolve(booking: Booking | None, event: Occurred) -> Booking:
    """Return the booking after `event`. Raises BrokenHistory for an event that cannot follow."""
    if event.version != (booking.version if booking else 0) + 1:
        message = f"version {event.version} of booking {event.booking} cannot follow {booking.version if booking else 'nothing'}"
        raise BrokenHistory(message)
    data = event.data
    if isinstance(data, BookingCreated) and booking is None:
        return _created(event, data)
    if isinstance(data, BookingCreated) or booking is None:
        message = f"booking {event.booking} cannot {'go on' if booking else 'begin'} with {type(data).__name__}"
        raise BrokenHistory(message)
    match data:
        case BookingSubmitted() | BookingAccepted():
            return _moved(booking, event)
        case BookingCancelled():
            return _cancelled(booking, event, data)
        case _:
            assert_never(data)


def _created(event: Occurred, data: BookingCreated) -> Booking:
    facts = {name: getattr(data, name) for name in FACTS}
    return Booking(
        id=event.booking,
        version=event.version,
        status=data.status,
        creation_digest=creation_digest(data),
        created_at=event.at,
        updated_at=event.at,
        **facts,
    )


def _moved(booking: Booking, event: Occurred) -> Booking:
    """Note a new status; only a person's act counts as a status update, so that nothing else keeps a booking alive."""
    touched = event.at if event.actor.is_person and event.data.status != booking.status else booking.last_status_update_at
    return replace(booking, version=event.version, status=event.data.status, updated_at=event.at, last_status_update_at=touched)


def _cancelled(booking: Booking, event: Occurred, data: BookingCancelled) -> Booking:
    return replace(
        _moved(booking, event),
        cancellation_reason=data.cancellation_reason,
        cancellation_note=data.cancellation_note,
        cancelled_by=data.cancelled_by,
        cancelled_at=data.cancelled_at,
        auto_cancelled=data.auto_cancelled,
        expired_at=data.expired_at,
    )
