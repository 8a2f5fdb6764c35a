"""What may be asked of one booking. A command may be rejected; all it needs to be decided is in it."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.parts import (
    BookingFacts as BookingFacts,
    Evidence as Evidence,
    Photo as Photo,
    SkippedDay as SkippedDay,
    Suggestion as Suggestion,
    Suggestions,
    Term as Term,
    distinct_hashes,
)
from contracts.values import (
    Contract,
    Id,
    Instant,
    Minutes,
    Money,
    Rating,
    Reason,
    Text500,
    Text2000,
    Version,
)

Target = Literal["pending", "confirmed", "awaiting_confirmation", "completed", "cancelled"]
Party = Literal["customer", "provider"]


class Command(Contract):
    """A request to change one booking, refused with `version-conflict` when the booking is at another version."""

    topic: ClassVar[str] = "booking.commands.v1"

    expected_version: Version | None = None


class CreateBooking(BookingFacts, Command):
    """Ask for a new booking under the id in the subject; history may be created."""


class AcceptBooking(Command):
    """The provider takes the booking."""


class CompleteBooking(Command):
    """Close a booking that the customer confirmed and nothing is due for."""


class DeclineBooking(Command):
    """The provider does not take the booking."""

    reason: Text500 | None = None


class CancelBooking(Command):
    """A party or an admin calls the booking off."""

    reason: Text500 | None = None


class RescheduleBooking(Command):
    """Move the booking to another instant, with the same duration unless a new one is given."""

    booking_date: Instant
    duration_minutes: Minutes | None = None


class EditNotes(Command):
    """Replace the customer's notes; the status stays."""

    notes: Text2000


class DeliverService(Command):
    """The provider has done the work."""

    photos: Annotated[tuple[Photo, ...], Field(max_length=10)]
    notes: Text2000 | None = None
    recommendations: Text2000 | None = None

    @model_validator(mode="after")
    def _photos_differ(self) -> Self:
        distinct_hashes(self.photos)
        return self


class ConfirmDelivery(Command):
    """The customer agrees that the work is done."""

    rating: Rating | None = None
    review: Text2000 | None = None


class DisputeDelivery(Command):
    """The customer does not agree that the work is done."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class MarkNoShow(Command):
    """Somebody did not come; an admin says who."""

    who: Party | None = None


class ReviewBooking(Command):
    """The customer's rating of a completed booking."""

    rating: Rating
    text: Text2000 | None = None


class SuggestRebooking(Command):
    """The directory's answer to a cancellation or a provider's leave, best first."""

    suggestions: Suggestions


class ExpireBooking(Command):
    """Expiry saw the deadline pass; the booking service decides under its lock whether that still holds."""

    expected_version: Version
    expires_at: Instant
    valid_until: Instant
    scan_id: Id
    evidence: Evidence


class MaintenanceCancel(Command):
    """An admin clears a stuck booking away."""

    expected_version: Version
    reason: Reason


class OverrideBooking(Command):
    """An admin puts the booking where it should be."""

    target: Target
    reason: Reason
    refund_amount: Money | None = None


COMMANDS: tuple[type[Command], ...] = (
    CreateBooking,
    AcceptBooking,
    CompleteBooking,
    DeclineBooking,
    CancelBooking,
    RescheduleBooking,
    EditNotes,
    DeliverService,
    ConfirmDelivery,
    DisputeDelivery,
    MarkNoShow,
    ReviewBooking,
    SuggestRebooking,
    ExpireBooking,
    MaintenanceCancel,
    OverrideBooking,
)
