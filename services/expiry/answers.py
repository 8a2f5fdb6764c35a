"""What is asked of runs and what is answered, as it looks in JSON."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from contracts.values import Contract, Count, Currency, Id, Instant, Money, Reason, Slug, Text100
from services.expiry.runs import Answer, Counts, Found, Kind, Mode, Outcome, Status

LARGEST_RUN = 10_000
AtMost = Annotated[int, Field(ge=1, le=LARGEST_RUN)]


class RunRequest(Contract):
    """A run that somebody asks for; `force` lifts AUTO_CANCEL_ENABLED=false, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False
    mode: Mode = "expired"
    as_of: Instant | None = None
    limit: AtMost | None = None
    category: Slug | None = None
    reason: Reason | None = None
    force: bool = False

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.reason is None and (self.force or self.mode == "maintenance"):
            raise ValueError("a reason is needed for `force` and for mode `maintenance`")
        return self


class Lapsed(Contract):
    """A booking that a run would cancel."""

    booking: Id
    expires_at: Instant
    status: Text100
    category: Slug
    total_amount: Money | None
    policy_version: int
    calendar_version: str | None

    @classmethod
    def of(cls, found: Found) -> "Lapsed":
        """Return it as JSON has it."""
        facts, rule = found.entry.facts, found.decided.rule
        return cls(
            booking=found.entry.booking,
            expires_at=found.expires_at,
            status=facts.status,
            category=facts.category,
            total_amount=found.entry.total_amount,
            policy_version=rule.policy.version,
            calendar_version=rule.calendar.version if rule.calendar else None,
        )


class Preview(Contract):
    """What a run would find: all of it counted, the first of it listed."""

    dry_run: bool = True
    as_of: Instant
    count: Count
    total_amount: str
    currency: Currency
    results: tuple[Lapsed, ...]
    truncated: bool


class Started(Contract):
    """A run, by its id, and how it stands."""

    run: Id
    status: Status


class Tally(Contract):
    """The numbers of a run."""

    found: Count
    cancelled: Count
    rejected: Count

    @classmethod
    def of(cls, counts: Counts) -> "Tally":
        """Return them as JSON has them."""
        return cls(found=counts.found, cancelled=counts.cancelled, rejected=counts.rejected)


class Result(Contract):
    """What became of one booking; `code` is there for a rejected one."""

    booking: Id
    outcome: Answer
    code: str | None = Field(None, exclude_if=lambda code: code is None)
    expires_at: Instant
    cancelled_at: Instant | None

    @classmethod
    def of(cls, outcome: Outcome) -> "Result":
        """Return it as JSON has it."""
        return cls(
            booking=outcome.booking,
            outcome=outcome.answer,
            code=outcome.code,
            expires_at=outcome.expires_at,
            cancelled_at=outcome.cancelled_at,
        )


class Report(Contract):
    """How a run stands."""

    run: Id
    kind: Kind
    status: Status
    as_of: Instant
    counts: Tally


class FullReport(Report):
    """How a run stands, with what became of its bookings from one place on; `next` is the place of the rest."""

    results: tuple[Result, ...]
    next: str | None

    @property
    def unanswered(self) -> int:
        """How many bookings have no answer."""
        return self.counts.found - self.counts.cancelled - self.counts.rejected
