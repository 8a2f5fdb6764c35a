"""Grace policies and calendars: effective-dated data that a deadline is computed from, set by admins only."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from contracts.actors import ActorText
from contracts.parts import Adjust
from contracts.values import (
    CalendarName,
    Contract,
    Hours,
    Instant,
    LeadHours,
    LocalDate,
    Percent,
    Text300,
    Text500,
    Version,
    Zone,
)

Weekday = Literal["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
Pin = Literal["live", "at_creation"]
PolicyCategory = Annotated[str, StringConstraints(pattern=r"^(?:\*|[a-z0-9][a-z0-9_-]{0,49})$")]
Year = Annotated[int, Field(ge=1900, le=2999)]


class Policy(Contract):
    """Something that decides deadlines from its `effective_at` on, inclusive; a higher version wins."""

    topic: ClassVar[str] = "policy.events.v1"

    effective_at: Instant


class GracePolicySet(Policy):
    """A category's grace policy, or the default one under `*`; null `quiet_hours` are as many as the grace hours."""

    category: PolicyCategory
    policy_version: Version
    grace_hours: Hours
    quiet_hours: Hours | None = None
    adjust: Adjust = "none"
    timezone: Zone = "Asia/Kathmandu"
    calendar: CalendarName | None = None
    pin: Pin = "live"
    reminders: Annotated[tuple[Hours, ...], Field(max_length=10)] = (24, 2)
    cancel_fee_percent: Percent = 0
    free_cancel_hours: LeadHours = 24
    no_show_fee_percent: Percent = 0
    set_by: ActorText
    reason: Text500 | None = None

    def required_subject(self) -> str:
        """The category."""
        return self.category


class Weekend(Contract):
    """The days that are no working days, from a local date on."""

    from_: LocalDate = Field(validation_alias="from", serialization_alias="from")
    days: Annotated[tuple[Weekday, ...], Field(max_length=7)]


class NamedDay(Contract):
    """A local date with the name it goes by."""

    date: LocalDate
    name: Text300


class CalendarPublished(Policy):
    """A calendar, resolved to days and frozen: first and last year covered, weekends, and the days that differ."""

    calendar: CalendarName
    calendar_version: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    years: tuple[Year, Year]
    weekends: tuple[Weekend, ...]
    holidays: tuple[NamedDay, ...]
    working_days: tuple[NamedDay, ...]
    closures: tuple[NamedDay, ...]

    @model_validator(mode="after")
    def _years_rise(self) -> Self:
        if self.years[0] > self.years[1]:
            raise PydanticCustomError("years_order", "years should be the first and the last year")
        return self

    def required_subject(self) -> str:
        """`calendar:` and its name."""
        return f"calendar:{self.calendar}"


POLICIES: tuple[type[Policy], ...] = (GracePolicySet, CalendarPublished)
