"""The send ledger's values: a letter, the key that it is sent under once, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from contracts.ids import derived_id
from services.notifier.details import NOTHING, Details
from services.notifier.facts import Booking, Person


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The send key, and the booking it is filed under: under one key one letter is sent, ever."""

    booking: UUID
    event: str
    recipient: UUID
    channel: str
    template: str

    @property
    def letter_id(self) -> UUID:
        """The id of the letter, in the app and in Message-ID: the same for every attempt."""
        return derived_id("letter", self.event, str(self.recipient), self.channel, self.template)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the send ledger: a letter, the booking's version it is about, the request it goes back to, and its event's details."""

    key: Key
    booking_version: int
    correlation_id: str
    details: Details = NOTHING


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter on its way: attempt number `attempt`, with everything and everybody that is known at this moment.

    `interrupted` means that the attempt before this one left no word of its outcome.
    """

    entry: Entry
    attempt: int
    interrupted: bool
    booking: Booking
    people: Mapping[UUID, Person]
    service: str | None

    @property
    def key(self) -> Key:
        """The send key."""
        return self.entry.key

    @property
    def recipient(self) -> Person | None:
        """Whom it goes to, where the directory knows them."""
        return self.people.get(self.key.recipient)


class State(StrEnum):
    """Where a letter stands in the ledger."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What attempt number `attempt` at a letter came to, and why it was not sent.

    A letter that stays pending is tried again after `wait` seconds of the host.
    """

    entry: Entry
    attempt: int
    state: State
    reason: str | None = None
    wait: float = 0.0
