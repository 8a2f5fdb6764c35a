"""Who is told what about which event, and when silence is right: the whole choice, and nothing that reads or sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from contracts.events import BookingAccepted, BookingCancelled, BookingCreated, BookingSubmitted, Event
from services.notifier.facts import Person
from services.notifier.ledger import Delivery

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


ABOUT: Mapping[type[Event], tuple[Letter, ...]] = {
    BookingCreated: (Letter("created-customer", "customer"),),
    BookingSubmitted: (Letter("requested-provider", "provider", asks_in="pending"),),
    BookingAccepted: _both("accepted"),
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
    return ABOUT.get(type(event), ())


def silenced(event: Event, *, auto_cancel_letters: bool) -> str | None:
    """Return why nobody is told of `event`, or None."""
    return SILENCED if isinstance(event, BookingCancelled) and event.auto_cancelled and not auto_cancel_letters else None


def channels_to(person: Person | None) -> tuple[str, ...]:
    """Return the channels that reach `person`; somebody unknown, inactive or without an address has only the app."""
    return (IN_APP, EMAIL) if person and person.active and person.email else (IN_APP,)


def pointless(delivery: Delivery) -> str | None:
    """Return why `delivery` is not to be sent any more, or None."""
    if LETTERS[delivery.key.template].asks_in not in (None, delivery.booking.status):
        return STALE
    return NO_ADDRESS if delivery.key.channel not in channels_to(delivery.recipient) else None
