"""One example of every message, full and with nothing that may be left out, and the Kafka records they make."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from contracts import commands, deadlines, directory, events, payments, policies, receipts, rejections
from contracts.actors import Actor
from contracts.message import Message
from contracts.topics import TOPIC
from contracts.values import Contract
from contracts.wire import Sources, Tombstone, decode

HOST_NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
START = datetime(2026, 11, 3, 4, 15, tzinfo=UTC)
END = datetime(2026, 11, 3, 5, 15, tzinfo=UTC)
BOOKING = "019a3c00-0000-7000-8000-000000000001"
CUSTOMER = UUID("11111111-1111-4111-8111-111111111111")
PROVIDER = UUID("22222222-2222-4222-8222-222222222222")
SERVICE = UUID("33333333-3333-4333-8333-333333333333")
SOME_ID = UUID("44444444-4444-4444-8444-444444444444")
SCAN = UUID("019a3c00-0000-7000-8000-0000000000aa")
ADMIN = Actor("admin", "55555555-5555-4555-8555-555555555555")
AMOUNT = Decimal("1500.00")
ANYONE = Sources.parse(None)

PHOTO = commands.Photo(url="https://files.example/1.jpg", sha256="a1" * 32, content_type="image/jpeg", bytes=52341)
SUGGESTION = commands.Suggestion(
    kind="other_provider",
    provider=PROVIDER,
    service=SERVICE,
    booking_date=START,
    ends_at=END,
    total_amount=AMOUNT,
    currency="NPR",
    rating=4.5,
    rank=1,
)
SKIPPED = commands.SkippedDay(date=date(2026, 11, 7), why="weekend", name="Saturday")
TERM = commands.Term(anchor="booking_date", anchor_at=START, hours=24, deadline=END, skipped=(SKIPPED,))
EVIDENCE = commands.Evidence(
    terms=(TERM,),
    adjust="roll_forward",
    timezone="Asia/Kathmandu",
    calendar="NP",
    calendar_version="np-2026.1",
    policy_version=3,
    expires_at=END,
    scan_id=SCAN,
    observed_version=2,
)
FACTS: dict[str, Any] = {
    "customer": CUSTOMER,
    "provider": PROVIDER,
    "service": SERVICE,
    "category": "plumbing",
    "booking_date": START,
    "duration_minutes": 60,
    "total_amount": AMOUNT,
    "currency": "NPR",
    "prepaid": True,
    "requires_photos": True,
    "min_photos": 1,
    "payment_method": "sandbox",
    "notes": "नल चुहिन्छ — kitchen",
    "rebooked_from": UUID(BOOKING),
}
PAID: dict[str, Any] = {
    "payment_id": "pay-1",
    "amount": AMOUNT,
    "currency": "NPR",
    "payment_method": "sandbox",
    "gateway_reference": "gw-1",
    "processed_at": START,
}
RECEIPT: dict[str, Any] = {
    "event_id": "e-1",
    "recipient": str(CUSTOMER),
    "channel": "email",
    "template": "booking_cancelled",
    "attempt": 1,
    "reason": "quiet hours",
    "outcome_at": START,
    "booking_version": 4,
}

FULL: tuple[Contract, ...] = (
    commands.CreateBooking(**FACTS, expected_version=1),
    commands.AcceptBooking(expected_version=2),
    commands.CompleteBooking(),
    commands.DeclineBooking(reason="away"),
    commands.CancelBooking(reason="no longer needed", expected_version=7),
    commands.RescheduleBooking(booking_date=START, duration_minutes=90),
    commands.EditNotes(notes="the blue door"),
    commands.DeliverService(photos=(PHOTO,), notes="done", recommendations="new washer soon"),
    commands.ConfirmDelivery(rating=5, review="quick"),
    commands.DisputeDelivery(reason="still drips"),
    commands.MarkNoShow(who="customer"),
    commands.ReviewBooking(rating=4, text="good"),
    commands.SuggestRebooking(suggestions=(SUGGESTION,)),
    commands.ExpireBooking(expected_version=2, expires_at=END, valid_until=END, scan_id=SCAN, evidence=EVIDENCE),
    commands.MaintenanceCancel(expected_version=2, reason="stuck for weeks"),
    commands.OverrideBooking(target="completed", reason="agreed by phone", refund_amount=Decimal("0.00")),
    events.BookingCreated(status="created", **FACTS),
    events.BookingSubmitted(status="pending"),
    events.BookingAccepted(status="confirmed", booking_date=START, ends_at=END),
    events.BookingRescheduled(
        status="pending",
        booking_date=START,
        duration_minutes=60,
        ends_at=END,
        previous=events.Slot(booking_date=END, duration_minutes=30),
        moved_by=f"customer:{CUSTOMER}",
    ),
    events.BookingNotesEdited(status="pending", notes=""),
    events.BookingCancelled(
        status="cancelled",
        previous_status="pending",
        cancellation_reason="expired",
        cancellation_note="nobody answered",
        cancelled_by="system:expiry",
        cancelled_at=END,
        auto_cancelled=True,
        expired_at=END,
        booking_date=START,
        evidence=EVIDENCE,
    ),
    events.RebookingSuggested(status="cancelled", suggestions=(SUGGESTION,)),
    events.ServiceDelivered(status="service_delivered", photos=(PHOTO,), notes="done", recommendations="new washer", delivered_at=END),
    events.ConfirmationRequested(status="awaiting_confirmation", amount_due=AMOUNT, currency="NPR", auto_confirm_at=END),
    events.DeliveryConfirmed(
        status="awaiting_confirmation",
        confirmed_by=f"customer:{CUSTOMER}",
        rating=5,
        review="quick",
        amount_due=AMOUNT,
    ),
    events.BookingCompleted(status="completed", completed_at=END, captured=AMOUNT, auto_confirmed=False),
    events.BookingDisputed(status="awaiting_confirmation", reason="still drips"),
    events.ReviewAdded(status="completed", rating=4, text="good"),
    events.BookingOverridden(
        status="completed",
        from_="cancelled",
        target="completed",
        reason="agreed by phone",
        booking_date=START,
        ends_at=END,
        refund_amount=AMOUNT,
    ),
    events.PaymentRecorded(
        status="confirmed",
        payment_event_id="p-1",
        kind="PaymentCaptured",
        payment_id="pay-1",
        payment_status="captured",
        amount=AMOUNT,
        authorized=AMOUNT,
        captured=AMOUNT,
        refunded=Decimal("0.00"),
        payment_method="sandbox",
        gateway_reference="gw-1",
        processed_at=START,
        failure_code="declined",
        terminal=False,
    ),
    rejections.CommandRejected(
        command_id="c-1",
        command_source="shop",
        command_type="sewabazaar.AcceptBooking.v1",
        payload_hash="0f" * 32,
        code="version-conflict",
        detail="the booking is at version 3",
        status="pending",
        version=3,
        allowed=("AcceptBooking", "DeclineBooking"),
        actor=f"provider:{PROVIDER}",
    ),
    payments.PaymentAuthorized(**PAID),
    payments.PaymentCaptured(**PAID),
    payments.PaymentFailed(
        payment_id="pay-1",
        stage="capture",
        amount=AMOUNT,
        currency="NPR",
        payment_method="sandbox",
        terminal=True,
        code="card_declined",
        attempt=1,
    ),
    payments.PaymentVoided(payment_id="pay-1"),
    payments.RefundRequested(refund_id="r-1", payment_id="pay-1", amount=AMOUNT, fee=Decimal("0.00"), currency="NPR", reason="expired"),
    payments.RefundSettled(refund_id="r-1", payment_id="pay-1", amount=AMOUNT, currency="NPR", gateway_reference="gw-2"),
    policies.GracePolicySet(
        category="plumbing",
        policy_version=3,
        effective_at=START,
        grace_hours=24,
        quiet_hours=12.5,
        adjust="pause",
        timezone="Asia/Kathmandu",
        calendar="NP",
        pin="at_creation",
        reminders=(24, 2),
        cancel_fee_percent=12.5,
        free_cancel_hours=24,
        no_show_fee_percent=50,
        set_by=str(ADMIN),
        reason="monsoon",
    ),
    policies.CalendarPublished(
        calendar="NP",
        calendar_version="np-2026.1",
        effective_at=START,
        years=(2014, 2030),
        weekends=(policies.Weekend(from_=date(1900, 1, 1), days=("sat",)),),
        holidays=(policies.NamedDay(date=date(2026, 10, 20), name="Dashain"),),
        working_days=(policies.NamedDay(date=date(2026, 11, 7), name="made up"),),
        closures=(policies.NamedDay(date=date(2026, 11, 9), name="flood"),),
    ),
    directory.PersonUpserted(
        id=CUSTOMER,
        role="customer",
        name="Sita Rai",
        email="sita@example.com",
        phone="+977 1 4000000",
        language="ne",
        timezone="Asia/Kathmandu",
        addresses=(directory.Address(id=SOME_ID, label="home", text="Patan 5"),),
        active=True,
    ),
    directory.PersonErased(id=CUSTOMER),
    directory.ServiceUpserted(
        id=SERVICE,
        provider=PROVIDER,
        category="plumbing",
        name="Tap repair",
        description="Any tap",
        price=AMOUNT,
        currency="NPR",
        duration_minutes=60,
        prepaid=False,
        requires_photos=False,
        min_photos=0,
        active=True,
    ),
    directory.ProviderHoursSet(
        provider=PROVIDER,
        timezone="Asia/Kathmandu",
        weekly=directory.Week(sun=(("09:00", "12:00"), ("13:00", "24:00"))),
    ),
    directory.ProviderLeaveSet(id=SOME_ID, provider=PROVIDER, from_=date(2026, 11, 3), to=date(2026, 11, 5), reason="wedding"),
    directory.ProviderLeaveRemoved(id=SOME_ID, provider=PROVIDER),
    directory.BookingAddressSet(booking=UUID(BOOKING), customer=CUSTOMER, address="Patan 5, blue door"),
    deadlines.LapseReminderDue(expires_at=END, hours_before=2, expected_version=2),
    deadlines.ScanHeld(scan_id=SCAN, found=120, limit=100, as_of=START),
    receipts.NotificationSent(**RECEIPT),
    receipts.NotificationFailed(**RECEIPT),
    receipts.NotificationSuppressed(**RECEIPT),
)
BY_NAME: dict[str, Contract] = {type(example).__name__: example for example in FULL}


def sparse(example: Contract) -> Contract:
    """The example without what may be left out, and with null where a key must stand but may be empty."""
    kept = {name: getattr(example, name) for name, field in type(example).model_fields.items() if field.is_required()}
    for name in kept:
        if type(None) in getattr(type(example).model_fields[name].annotation, "__args__", ()):
            kept[name] = None
    return type(example)(**kept)


def message(data: Contract, **changes: Any) -> Message[Contract]:
    """A message around the data, as its usual sender would make it."""
    own = not TOPIC[data.topic].open or type(data).__name__ in ("ExpireBooking", "SuggestRebooking")
    made = Message(
        id="m-1",
        source="sewabazaar/booking" if own else "shop",
        subject=data.required_subject() or BOOKING,
        time=START,
        actor=Actor.system("booking") if own else ADMIN,
        data=data,
    )
    return replace(made, **changes)


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record; `with_header` and `without_header` make one that differs."""

    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None

    def with_header(self, name: str, value: bytes | None) -> "Record":
        return replace(self.without_header(name), headers=(*self.without_header(name).headers, (name, value)))

    def without_header(self, name: str) -> "Record":
        return replace(self, headers=tuple(header for header in self.headers if header[0] != name))

    def with_value(self, value: bytes | None) -> "Record":
        return replace(self, value=value)

    def decoded(self, sources: Sources = ANYONE) -> Message[Contract] | Tombstone:
        return decode(self.topic, self.key, self.headers, self.value, sources=sources, host_now=HOST_NOW)


def record(made: Message[Contract]) -> Record:
    """The record that the message makes on its topic."""
    return Record(made.topic, made.key(), tuple(made.headers()), made.value())


Change = Callable[[Record], Record]
