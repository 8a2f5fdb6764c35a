"""What an event adds to the letters about it. It stays with each letter; what the booking is like is read when that is sent."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts.deadlines import LapseReminderDue
from contracts.events import (
    BookingCompleted,
    BookingDisputed,
    BookingNotesEdited,
    BookingOverridden,
    BookingRescheduled,
    ConfirmationRequested,
    DeliveryConfirmed,
    PaymentRecorded,
    RebookingSuggested,
    ReviewAdded,
)
from contracts.parts import Suggestions
from contracts.values import Contract, Instant, Money, Rating, Text2000


class Details(Contract):
    """`amount` is what the event is about: due, paid, refused or refunded. `remark` is what somebody wrote."""

    moved_by: str | None = None
    previous_date: Instant | None = None
    suggestions: Suggestions = ()
    amount: Money | None = None
    auto_confirm_at: Instant | None = None
    automatic: bool = False
    rating: Rating | None = None
    remark: Text2000 | None = None
    terminal: bool = False
    expires_at: Instant | None = None


NOTHING = Details()
DETAILS: Mapping[type[Contract], Callable[[Any], Details]] = {
    BookingRescheduled: lambda e: Details(moved_by=_kind(e.moved_by), previous_date=e.previous.booking_date),
    BookingNotesEdited: lambda e: Details(remark=e.notes),
    RebookingSuggested: lambda e: Details(suggestions=e.suggestions),
    ConfirmationRequested: lambda e: Details(amount=e.amount_due, auto_confirm_at=e.auto_confirm_at),
    DeliveryConfirmed: lambda e: Details(rating=e.rating, remark=e.review, automatic=_kind(e.confirmed_by) == "system"),
    BookingCompleted: lambda e: Details(amount=e.captured, automatic=e.auto_confirmed),
    BookingDisputed: lambda e: Details(remark=e.reason),
    ReviewAdded: lambda e: Details(rating=e.rating, remark=e.text),
    BookingOverridden: lambda e: Details(remark=e.reason, amount=e.refund_amount),
    PaymentRecorded: lambda e: Details(amount=e.amount, terminal=bool(e.terminal)),
    LapseReminderDue: lambda e: Details(expires_at=e.expires_at),
}


def details_of(data: Contract) -> Details:
    """Return what `data` adds to the letters about it."""
    return DETAILS.get(type(data), lambda _: NOTHING)(data)


def _kind(actor: str) -> str:
    return actor.partition(":")[0]
