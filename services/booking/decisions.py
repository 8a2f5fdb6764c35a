"""What the rules are given and what they answer, shared by every group of commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.actors import Actor
from contracts.events import BookingCancelled, CancellationReason
from contracts.rejections import RejectionCode
from services.booking.history import BookingEvent, Occurred
from services.booking.model import Booking, Slot

SYSTEM = Actor.system("booking")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision needs besides the booking: the busy time of its provider, and how long a customer may leave a delivery unanswered."""

    busy: Sequence[Slot] = ()
    auto_confirm_after: timedelta | None = None

    def refuse_overlap(self, slot: Slot) -> "Refusal | None":
        """Return the refusal of a booking that would take `slot`, where another booking has some of it."""
        if any(slot.overlaps(other) for other in self.busy if other.booking != slot.booking):
            return Refusal("slot-taken", "the provider has another booking at that time: reschedule one of the two")
        return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rules refuse the command."""

    code: RejectionCode
    detail: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The command's effect holds already."""


Decision = tuple[Occurred, ...] | Refusal | Unchanged
Answer = BookingEvent | Refusal


def cancelled(booking: Booking, actor: Actor, reason: CancellationReason, now: datetime, note: str | None = None) -> BookingCancelled:
    """Return the end of `booking` by `actor`, for `reason`; maintenance counts as automatic."""
    return BookingCancelled(
        status="cancelled",
        previous_status=booking.status,
        cancellation_reason=reason,
        cancellation_note=note,
        cancelled_by=str(actor),
        cancelled_at=now,
        auto_cancelled=reason == "maintenance",
        expired_at=None,
        booking_date=booking.booking_date,
        evidence=None,
    )
