"""Runs: what was found due at one instant, by somebody who asked for it or by a scan that was held, and what becomes of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.expiry.grace import Deadline
from services.expiry.store import Entry

Kind = Literal["manual", "scan"]
Mode = Literal["expired", "maintenance"]
Status = Literal["running", "waiting_approval", "done", "failed"]
Answer = Literal["cancelled", "rejected", "unanswered"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which bookings a run is about: those that have lapsed at `as_of`, of one category or of all."""

    as_of: datetime
    mode: Mode = "expired"
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A booking that has lapsed at `expires_at`, and why then."""

    entry: Entry
    decided: Deadline
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run; its id is the scan id of its commands. `requested_by` is an actor, None for a scan.

    `total` bookings were due, of which it is about the first `at_most`.
    """

    id: UUID
    kind: Kind
    status: Status
    selection: Selection
    total: int
    requested_at: datetime
    at_most: int | None = None
    reason: str | None = None
    force: bool = False
    requested_by: str | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many bookings a run is about, and how many of them were answered how."""

    found: int
    cancelled: int
    rejected: int

    @property
    def unanswered(self) -> int:
        """How many have no answer."""
        return self.found - self.cancelled - self.rejected


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one booking of a run; `code` says why it was not cancelled."""

    booking: UUID
    expires_at: datetime
    answer: Answer = "unanswered"
    code: str | None = None
    cancelled_at: datetime | None = None
