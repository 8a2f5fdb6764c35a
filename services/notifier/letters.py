"""Who is told what about which event, and when silence is right: the whole choice, and nothing that reads or sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from contracts.events import BookingCancelled, Event
from contracts.ids import derived_id
from services.notifier.bookings import Booking

Role = Literal["customer", "provider"]
IN_APP, EMAIL = "in-app", "email"
SILENCED, STALE, NO_ADDRESS = "auto-cancel-notification-off", "stale", "no-address"


@dataclass(frozen=True, slots=True)
class Letter:
    """A template for one party. A request to act goes stale once the booking has left the status `asks_in`."""

    template: str
    to: Role
    rebook: bool = False
    asks_in: str | None = None


def _both(occasion: str, *, rebook: bool = False) -> tuple[Letter, Letter]:
    return Letter(f"{occasion}-customer", "customer", rebook), Letter(f"{occasion}-provider", "provider")


ABOUT: Mapping[str, tuple[Letter, ...]] = {
    "BookingCreated": (Letter("created-customer", "customer"),),
    "BookingSubmitted": (Letter("requested-provider", "provider", asks_in="pending"),),
    "BookingAccepted": _both("accepted"),
}
CANCELLED = _both("cancelled", rebook=True)
CANCELLED_BECAUSE: Mapping[str, tuple[Letter, ...]] = {
    "declined": _both("declined", rebook=True),
    "expired": _both("expired", rebook=True),
}
LETTERS: Mapping[str, Letter] = {
    letter.template: letter for letters in (*ABOUT.values(), *CANCELLED_BECAUSE.values(), CANCELLED) for letter in letters
}


def letters_about(event: Event) -> tuple[Letter, ...]:
    """Return the letters that `event` is worth; whatever ended a booking, both parties hear of it."""
    if isinstance(event, BookingCancelled):
        return CANCELLED_BECAUSE.get(event.cancellation_reason, CANCELLED)
    return ABOUT.get(type(event).__name__, ())


def silenced(event: Event, *, auto_cancel_letters: bool) -> str | None:
    """Return why nobody is told of `event`, or None."""
    return SILENCED if isinstance(event, BookingCancelled) and event.auto_cancelled and not auto_cancel_letters else None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory; `name` and `email` are None once they are erased."""

    id: UUID
    name: str | None
    email: str | None
    language: str | None
    timezone: str | None
    active: bool


def channels_to(person: Person | None) -> tuple[str, ...]:
    """Return the channels that reach `person`; somebody unknown, inactive or without an address has only the app."""
    return (IN_APP, EMAIL) if person and person.active and person.email else (IN_APP,)


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
class Delivery:
    """A letter on its way: attempt number `attempt`, with everything that is known at this moment.

    `interrupted` means that the attempt before this one left no word of its outcome.
    """

    key: Key
    attempt: int
    interrupted: bool
    booking_version: int
    correlation_id: str
    booking: Booking
    recipient: Person | None
    customer: str | None
    provider: str | None
    service: str | None

    @property
    def letter(self) -> Letter:
        """What the letter is."""
        return LETTERS[self.key.template]


class State(StrEnum):
    """Where a letter stands in the ledger."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


def pointless(delivery: Delivery) -> str | None:
    """Return why `delivery` is not to be sent any more, or None."""
    if delivery.letter.asks_in not in (None, delivery.booking.status):
        return STALE
    return NO_ADDRESS if delivery.key.channel not in channels_to(delivery.recipient) else None
