"""People, what they offer and when they work: the only messages with personal data. A tombstone erases."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.values import (
    Contract,
    Currency,
    Id,
    LocalDate,
    Minutes,
    Money,
    Name,
    Slug,
    Text100,
    Text500,
    Zone,
)

Role = Literal["customer", "provider", "admin", "service"]
Language = Literal["en", "ne"]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Phone = Annotated[str, StringConstraints(pattern=r"^[^\r\n]{1,50}$")]
WallTime = Annotated[str, StringConstraints(pattern=r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
PostalText = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Directory(Contract):
    """The current state of one person, service, week of hours, leave or address, replaced as a whole."""

    topic: ClassVar[str] = "directory.events.v1"
    about: ClassVar[tuple[str, str]]

    def required_subject(self) -> str:
        """What kind of thing this is about, and its id."""
        kind, field = self.about
        return f"{kind}:{getattr(self, field)}"


class Address(Contract):
    """A place that a person gave a label to."""

    id: Id
    label: Text100
    text: PostalText


class PersonUpserted(Directory):
    """A person as of now."""

    about: ClassVar[tuple[str, str]] = ("person", "id")

    id: Id
    role: Role
    name: Name
    email: Email | None = None
    phone: Phone | None = None
    language: Language = "en"
    timezone: Zone = "Asia/Kathmandu"
    addresses: Annotated[tuple[Address, ...], Field(max_length=50)] = ()
    active: bool


class PersonErased(Directory):
    """A person is to be forgotten; a tombstone follows."""

    about: ClassVar[tuple[str, str]] = ("person", "id")

    id: Id


class ServiceUpserted(Directory):
    """A service on offer as of now."""

    about: ClassVar[tuple[str, str]] = ("service", "id")

    id: Id
    provider: Id
    category: Slug
    name: Name
    description: Annotated[str, StringConstraints(max_length=5000)] | None = None
    price: Money
    currency: Currency = "NPR"
    duration_minutes: Minutes
    prepaid: bool
    requires_photos: bool
    min_photos: Annotated[int, Field(ge=0, le=10)]
    active: bool


class Week(Contract):
    """Working hours by weekday as [from, to) in wall time, `24:00` ending the day; an absent day is closed."""

    sun: tuple[tuple[WallTime, WallTime], ...] = ()
    mon: tuple[tuple[WallTime, WallTime], ...] = ()
    tue: tuple[tuple[WallTime, WallTime], ...] = ()
    wed: tuple[tuple[WallTime, WallTime], ...] = ()
    thu: tuple[tuple[WallTime, WallTime], ...] = ()
    fri: tuple[tuple[WallTime, WallTime], ...] = ()
    sat: tuple[tuple[WallTime, WallTime], ...] = ()

    @model_validator(mode="after")
    def _hours_rise(self) -> Self:
        for day in (self.sun, self.mon, self.tue, self.wed, self.thu, self.fri, self.sat):
            times = [time for span in day for time in span]
            if times != sorted(times) or any(begin == end for begin, end in day):
                raise PydanticCustomError("hours_order", "the hours of a day should be in order and not overlap")
        return self


class ProviderHoursSet(Directory):
    """The week a provider works."""

    about: ClassVar[tuple[str, str]] = ("hours", "provider")

    provider: Id
    timezone: Zone
    weekly: Week


class ProviderLeaveSet(Directory):
    """A provider is away on the local dates [from, to)."""

    about: ClassVar[tuple[str, str]] = ("leave", "id")

    id: Id
    provider: Id
    from_: LocalDate = Field(validation_alias="from", serialization_alias="from")
    to: LocalDate
    reason: Text500 | None = None

    @model_validator(mode="after")
    def _dates_rise(self) -> Self:
        if self.from_ >= self.to:
            raise PydanticCustomError("leave_order", "from should be before to")
        return self


class ProviderLeaveRemoved(Directory):
    """A leave does not take place."""

    about: ClassVar[tuple[str, str]] = ("leave", "id")

    id: Id
    provider: Id


class BookingAddressSet(Directory):
    """Where a booking takes place."""

    about: ClassVar[tuple[str, str]] = ("address", "booking")

    booking: Id
    customer: Id
    address: PostalText


DIRECTORY: tuple[type[Directory], ...] = (
    PersonUpserted,
    PersonErased,
    ServiceUpserted,
    ProviderHoursSet,
    ProviderLeaveSet,
    ProviderLeaveRemoved,
    BookingAddressSet,
)
