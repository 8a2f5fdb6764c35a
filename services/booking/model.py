"""What a booking is: its state after its last event, and the time it takes."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from contracts.commands import BookingFacts
from contracts.events import CancellationReason, Status
from contracts.message import canonical_json
from contracts.parts import Photo, Suggestion
from services.booking.money import Money

FACTS = set(BookingFacts.model_fields)
OCCUPYING: frozenset[Status] = frozenset({"confirmed", "service_delivered", "awaiting_confirmation"})


@dataclass(frozen=True, slots=True)
class Slot:
    """The time [start, end) that a booking takes of its provider."""

    booking: UUID
    provider: UUID
    start: datetime
    end: datetime

    @classmethod
    def lasting(cls, booking: UUID, provider: UUID, start: datetime, minutes: int) -> "Slot":
        """The slot of so many minutes from `start`."""
        return cls(booking, provider, start, start + timedelta(minutes=minutes))

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
    pending_since: datetime | None = None
    reschedules: int = 0
    photos: tuple[Photo, ...] = ()
    delivery_notes: str | None = None
    recommendations: str | None = None
    delivered_at: datetime | None = None
    confirmation_requested_at: datetime | None = None
    auto_confirm_at: datetime | None = None
    delivery_confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    auto_confirmed: bool = False
    disputed: bool = False
    dispute_reason: str | None = None
    completed_at: datetime | None = None
    rating: int | None = None
    review: str | None = None
    reviewed_at: datetime | None = None
    suggestions: tuple[Suggestion, ...] = ()
    money: Money = field(default_factory=Money)

    @property
    def slot(self) -> Slot:
        """The time it takes, or would take once accepted."""
        return Slot.lasting(self.id, self.provider, self.booking_date, self.duration_minutes)

    @property
    def taken(self) -> Slot | None:
        """The time it takes of its provider now."""
        return self.slot if self.status in OCCUPYING else None

    @property
    def amount_due(self) -> Decimal:
        """What is still to be captured."""
        return max(self.total_amount - self.money.captured, Decimal("0.00"))

    @property
    def is_paid(self) -> bool:
        """Whether exactly the amount due was captured, what was captured in excess and given back aside."""
        return self.money.settles(self.total_amount)

    @property
    def is_secured(self) -> bool:
        """Whether nothing has to be paid beforehand, or all of it is set aside or captured."""
        return not self.prepaid or self.money.covers(self.total_amount)

    @property
    def awaits_money(self) -> bool:
        """Whether the delivery is confirmed and undisputed, so that only money keeps it from being completed."""
        return self.status == "awaiting_confirmation" and self.delivery_confirmed_at is not None and not self.disputed


def creation_digest(facts: BookingFacts) -> str:
    """Return the same text for the same facts of a creation, and only for those."""
    return hashlib.sha256(canonical_json(facts.model_dump(mode="json", include=FACTS))).hexdigest()
