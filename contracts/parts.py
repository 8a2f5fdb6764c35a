"""The parts that commands and events share: a booking's facts, photos, suggestions, and the evidence of a deadline."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.values import (
    CalendarName,
    Contract,
    Count,
    Currency,
    Digest,
    End,
    Hours,
    Id,
    Instant,
    LocalDate,
    Method,
    Minutes,
    Money,
    Slug,
    Text100,
    Text300,
    Text2000,
    Version,
    Zone,
)

Adjust = Literal["none", "roll_forward", "pause"]


class BookingFacts(Contract):
    """What a booking is about: who, what, when, for how much."""

    customer: Id
    provider: Id
    service: Id
    category: Slug
    booking_date: Instant
    duration_minutes: Minutes
    total_amount: Money
    currency: Currency = "NPR"
    prepaid: bool = False
    requires_photos: bool = False
    min_photos: Annotated[int, Field(ge=0, le=10)] = 0
    payment_method: Method | None = None
    notes: Text2000 | None = None
    rebooked_from: Id | None = None


class Photo(Contract):
    """Evidence of the work: where the stored file is, and the SHA-256 of its bytes."""

    url: Annotated[str, StringConstraints(pattern=r"^(?:https?:/)?/\S+$", max_length=2000)]
    sha256: Digest
    content_type: Annotated[str, StringConstraints(pattern=r"^image/[a-z0-9.+-]{1,50}$")]
    bytes: Count


def distinct_hashes(photos: tuple[Photo, ...]) -> None:
    """Refuse the same picture twice."""
    if len({photo.sha256 for photo in photos}) < len(photos):
        raise PydanticCustomError("photos_repeated", "photos should have distinct hashes")


class Suggestion(Contract):
    """A free slot to book instead; `rating` is the mean one of that provider."""

    kind: Literal["same_provider", "other_provider"]
    provider: Id
    service: Id
    booking_date: Instant
    ends_at: End
    total_amount: Money
    currency: Currency = "NPR"
    rating: Annotated[float, Field(ge=1, le=5)] | None = None
    rank: Annotated[int, Field(ge=1, le=100)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ends_at <= self.booking_date:
            raise PydanticCustomError("slot_order", "ends_at should be after booking_date")
        return self


Suggestions = Annotated[tuple[Suggestion, ...], Field(max_length=20)]


class SkippedDay(Contract):
    """A local date that did not count towards a deadline, and why."""

    date: LocalDate
    why: Literal["weekend", "holiday", "closure"]
    name: Text300 | None = None


class Term(Contract):
    """One of the two terms whose later deadline counts: anchor plus hours, adjusted."""

    anchor: Literal["booking_date", "last_status_update"]
    anchor_at: Instant
    hours: Hours
    deadline: Instant
    skipped: tuple[SkippedDay, ...]


class Evidence(Contract):
    """Everything a deadline was computed from, enough to compute it again offline."""

    terms: Annotated[tuple[Term, ...], Field(min_length=1, max_length=2)]
    adjust: Adjust
    timezone: Zone
    calendar: CalendarName | None
    calendar_version: Text100 | None
    policy_version: Count
    expires_at: Instant
    scan_id: Id
    observed_version: Version
