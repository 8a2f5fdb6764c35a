"""Who is told what about which event, and when silence is right: the whole choice, and nothing that reads or sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from contracts.events import (
    BookingCancelled,
    BookingNotesEdited,
    BookingRescheduled,
    Event,
    PaymentRecorded,
    RebookingSuggested,
)
from services.notifier.facts import Booking, Person, charge_failed
from services.notifier.ledger import Delivery, Entry

Role = Literal["customer", "provider"]
IN_APP, EMAIL = "in-app", "email"
AUTOMATIC = frozenset({"expired", "maintenance"})
SILENCED, STALE, NO_ADDRESS = "auto-cancel-notification-off", "stale", "no-address"


@dataclass(frozen=True, slots=True)
class Letter:
    """A template for one party, whom its name ends with. A `request` asks to act, and goes stale."""

    template: str
    rebook: bool = False
    request: bool = False

    @property
    def to(self) -> Role:
        """Whom it goes to."""
        return "customer" if self.template.endswith("-customer") else "provider"


def _both(occasion: str, *, rebook: bool = False) -> tuple[Letter, Letter]:
    return Letter(f"{occasion}-customer", rebook), Letter(f"{occasion}-provider")


ABOUT: Mapping[str, tuple[Letter, ...]] = {
    "BookingCreated": (Letter("created-customer"),),
    "BookingSubmitted": (Letter("requested-provider", request=True),),
    "BookingAccepted": _both("accepted"),
    "BookingRescheduled": _both("moved"),
    "BookingRescheduled pending": (Letter("moved-customer"), Letter("moved-request-provider", request=True)),
    "BookingNotesEdited confirmed": (Letter("notes-provider"),),
    "BookingCancelled": _both("cancelled", rebook=True),
    "BookingCancelled declined": _both("declined", rebook=True),
    "BookingCancelled expired": _both("expired", rebook=True),
    "RebookingSuggested": (Letter("suggested-customer", rebook=True),),
    "ConfirmationRequested": (Letter("delivered-customer", request=True),),
    "DeliveryConfirmed": (Letter("delivery-confirmed-provider"),),
    "BookingCompleted": _both("completed"),
    "BookingDisputed": _both("disputed"),
    "ReviewAdded": (Letter("reviewed-provider"),),
    "BookingOverridden": _both("overridden"),
    "PaymentFailed first": (Letter("payment-failed-customer"),),
    "PaymentFailed for good": (Letter("payment-ended-customer"),),
    "RefundRequested": (Letter("refund-requested-customer"),),
    "RefundSettled": (Letter("refunded-customer"),),
    "LapseReminderDue": (Letter("reminder-provider", request=True),),
    "LapseReminderDue first": (Letter("reminder-customer", rebook=True, request=True), Letter("reminder-provider", request=True)),
}
LETTERS: Mapping[str, Letter] = {letter.template: letter for letters in ABOUT.values() for letter in letters}
REMINDERS = frozenset(letter.template for letter in ABOUT["LapseReminderDue first"])


def letters_about(event: Event, before: Booking | None) -> tuple[Letter, ...]:
    """Return the letters that `event` is worth, of a booking that was `before` until then."""
    if isinstance(event, RebookingSuggested) and not event.suggestions:
        return ()
    if isinstance(event, PaymentRecorded):
        return ABOUT.get(_payment(event, before), ())
    name, circumstance = type(event).__name__, _circumstance(event)
    return ABOUT.get(f"{name} {circumstance}", ABOUT.get(name, ()))


def _circumstance(event: Event) -> str:
    if isinstance(event, BookingCancelled):
        return event.cancellation_reason
    return event.status if isinstance(event, BookingRescheduled | BookingNotesEdited) else ""


def _payment(event: PaymentRecorded, before: Booking | None) -> str:
    """Return what the customer hears of a payment: its first failure, and one that is final when the first was not.

    A pre-payment that fails for good cancels the booking, and that letter says why.
    """
    if event.kind != "PaymentFailed":
        return "" if event.amount == 0 else event.kind
    if before is None or not charge_failed(event) or (event.terminal and event.status == "created"):
        return "PaymentFailed"
    if before.failed_payment != event.payment_id:
        return "PaymentFailed first"
    return "PaymentFailed for good" if event.terminal and not before.failed_for_good else "PaymentFailed"


def letters_reminding(*, first: bool) -> tuple[Letter, ...]:
    """Return the letters of a LapseReminderDue: the provider hears of each, the customer of the first one of a request."""
    return ABOUT["LapseReminderDue first" if first else "LapseReminderDue"]


def silenced(event: Event, booking: Booking, *, auto_cancel_letters: bool) -> str | None:
    """Return why nobody is told of `event`, after which `booking` stands as it does, or None."""
    return None if auto_cancel_letters or not _tells_of_an_auto_cancel(event, booking) else SILENCED


def _tells_of_an_auto_cancel(event: Event, booking: Booking) -> bool:
    """Return whether a letter about `event` says that the system cancelled: free times for what lapsed say so too."""
    if isinstance(event, RebookingSuggested):
        return event.status == "cancelled" and booking.cancellation_reason in AUTOMATIC
    return isinstance(event, BookingCancelled) and event.auto_cancelled


def channels_to(person: Person | None) -> tuple[str, ...]:
    """Return the channels that reach `person`; somebody unknown, inactive or without an address has only the app."""
    return (IN_APP, EMAIL) if person and person.active and person.email else (IN_APP,)


def pointless(delivery: Delivery, now: datetime) -> str | None:
    """Return why `delivery` is not to be sent at `now` any more, or None."""
    reason = stale(delivery.entry, delivery.booking, now)
    return reason or (NO_ADDRESS if delivery.key.channel not in channels_to(delivery.recipient) else None)


def stale(entry: Entry, booking: Booking, now: datetime) -> str | None:
    """Return why it is too late for `entry` at `now`: nobody is asked any more, a later version asks again, or the deadline is reached."""
    if not LETTERS[entry.key.template].request:
        return None
    asked, expires_at = booking.asked, entry.details.expires_at
    over = asked is None or asked > entry.booking_version or (expires_at is not None and now >= expires_at)
    return STALE if over else None
