"""An event for every row of the table of letters, and the letters about it on their way to Sita and Hari."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from contracts.deadlines import LapseReminderDue
from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    BookingDisputed,
    BookingNotesEdited,
    BookingOverridden,
    BookingRescheduled,
    BookingSubmitted,
    CancellationReason,
    ConfirmationRequested,
    DeliveryConfirmed,
    PaymentRecorded,
    RebookingSuggested,
    ReviewAdded,
    Slot,
    Status,
)
from contracts.ids import new_id
from contracts.parts import Suggestion
from contracts.values import Contract
from services.notifier.details import details_of
from services.notifier.facts import Booking, Person
from services.notifier.ledger import Delivery, Entry, Key
from services.notifier.letters import ABOUT, EMAIL
from services.notifier.rendering import Rendered, Renderer

AT = datetime(2026, 10, 17, 4, 15, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
EARLIER = AT - timedelta(days=1)
BOOKING = Booking(new_id(), 3, "confirmed", new_id(), new_id(), new_id(), "plumbing", AT, Decimal("1500.00"), "NPR")
SITA = Person(BOOKING.customer, "Sita Rai", "sita@example.com", "en", "Asia/Kathmandu", active=True)
HARI = Person(BOOKING.provider, "Hari", "hari@example.com", "en", "Asia/Kathmandu", active=True)
MAYA = Person(new_id(), "Maya Gurung", "maya@example.com", "en", "Asia/Kathmandu", active=True)
NOTE = "Burst pipe <b>elsewhere</b>"
RENDERER = Renderer("https://sewa.example/", "Asia/Kathmandu")


def cancelled(reason: CancellationReason, *, automatic: bool = False) -> BookingCancelled:
    return BookingCancelled(
        status="cancelled",
        previous_status="pending",
        cancellation_reason=reason,
        cancellation_note=NOTE,
        cancelled_by="system:expiry",
        cancelled_at=AT,
        auto_cancelled=automatic,
        expired_at=AT if automatic else None,
        booking_date=AT,
    )


def created() -> BookingCreated:
    return BookingCreated(
        status="created",
        customer=BOOKING.customer,
        provider=BOOKING.provider,
        service=BOOKING.service,
        category=BOOKING.category,
        booking_date=AT,
        duration_minutes=60,
        total_amount=BOOKING.total_amount,
    )


def moved(status: Status, by: str = "provider") -> BookingRescheduled:
    before = Slot(booking_date=EARLIER, duration_minutes=60)
    return BookingRescheduled(
        status=status, booking_date=AT, duration_minutes=60, ends_at=AT + HOUR, previous=before, moved_by=f"{by}:{BOOKING.customer}"
    )


def suggestion(rank: int, provider: Person = MAYA) -> Suggestion:
    when = AT + rank * 24 * HOUR
    kind = "same_provider" if provider is HARI else "other_provider"
    return Suggestion(
        kind=kind,  # type: ignore[arg-type] # both are kinds
        provider=provider.id,
        service=new_id(),
        booking_date=when,
        ends_at=when + HOUR,
        total_amount=Decimal("1400.00"),
        rank=rank,
    )


def paid(kind: str, **change: Any) -> PaymentRecorded:
    usual: dict[str, Any] = {
        "status": "awaiting_confirmation",
        "payment_event_id": "e-1",
        "kind": kind,
        "payment_id": "p-1",
        "payment_status": "none",
        "amount": Decimal("1234.50"),
        "authorized": Decimal("0.00"),
        "captured": Decimal("0.00"),
        "refunded": Decimal("0.00"),
        "payment_method": "card",
        "gateway_reference": None,
        "processed_at": None,
        "failure_code": None,
        "terminal": None,
    }
    return PaymentRecorded(**{**usual, **change})


def overridden(status: Status) -> BookingOverridden:
    return BookingOverridden(
        status=status,
        from_="confirmed",
        target=cast(Any, status),
        reason="Both agreed on the phone",
        booking_date=AT,
        ends_at=AT + HOUR,
        refund_amount=Decimal("100.00"),
    )


FAILED_BEFORE = replace(BOOKING, failed_payment="p-1")
REMINDER = LapseReminderDue(expires_at=AT + 24 * HOUR, hours_before=2, expected_version=3)
SAMPLES: Mapping[str, Contract] = {
    "BookingCreated": created(),
    "BookingSubmitted": BookingSubmitted(status="pending"),
    "BookingAccepted": BookingAccepted(status="confirmed", booking_date=AT, ends_at=AT + HOUR),
    "BookingRescheduled": moved("confirmed"),
    "BookingRescheduled pending": moved("pending", "customer"),
    "BookingNotesEdited confirmed": BookingNotesEdited(status="confirmed", notes=NOTE),
    "BookingCancelled": cancelled("customer"),
    "BookingCancelled declined": cancelled("declined"),
    "BookingCancelled expired": cancelled("expired", automatic=True),
    "RebookingSuggested": RebookingSuggested(status="cancelled", suggestions=(suggestion(2), suggestion(1, HARI))),
    "ConfirmationRequested": ConfirmationRequested(
        status="awaiting_confirmation", amount_due=Decimal("1500.00"), currency="NPR", auto_confirm_at=AT + 72 * HOUR
    ),
    "DeliveryConfirmed": DeliveryConfirmed(
        status="awaiting_confirmation", confirmed_by=f"customer:{BOOKING.customer}", rating=4, review=NOTE, amount_due=Decimal("1500.00")
    ),
    "BookingCompleted": BookingCompleted(status="completed", completed_at=AT, captured=Decimal("1500.00"), auto_confirmed=False),
    "BookingDisputed": BookingDisputed(status="awaiting_confirmation", reason=NOTE),
    "ReviewAdded": ReviewAdded(status="completed", rating=5, text=NOTE),
    "BookingOverridden": overridden("completed"),
    "PaymentFailed first": paid("PaymentFailed", terminal=False),
    "PaymentFailed for good": paid("PaymentFailed", terminal=True),
    "RefundRequested": paid("RefundRequested", payment_status="refund_pending"),
    "RefundSettled": paid("RefundSettled", payment_status="refunded"),
    "LapseReminderDue": REMINDER,
    "LapseReminderDue first": REMINDER,
}
BEFORE: Mapping[str, Booking] = {"PaymentFailed for good": FAILED_BEFORE}
OCCASION = {letter.template: occasion for occasion, letters in ABOUT.items() for letter in letters}


def delivery(
    template: str, *, channel: str = EMAIL, event: Contract | None = None, people: tuple[Person, ...] = (), **change: Any
) -> Delivery:
    """The first attempt at a letter about Sita's booking with Hari; `people` are others than they usually are."""
    known = {person.id: person for person in (SITA, HARI, MAYA, *people)}
    recipient = BOOKING.customer if template.endswith("-customer") else BOOKING.provider
    details = details_of(event or SAMPLES[OCCASION[template]])
    entry = Entry(Key(BOOKING.id, "event-1", recipient, channel, template), 3, "request-1", details)
    return replace(Delivery(entry, 1, False, BOOKING, known, "Tap repair"), **change)


def render(template: str, **change: Any) -> Rendered:
    return RENDERER.render(delivery(template, **change))
