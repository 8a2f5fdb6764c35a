"""The events that concern one booking's money, as the booking service tells them, and the policies that set its fees."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from contracts.actors import Actor
from contracts.events import (
    BookingCancelled,
    BookingCreated,
    BookingOverridden,
    CancellationReason,
    DeliveryConfirmed,
    Event,
    PaymentRecorded,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.payments import PaymentCaptured, RefundRequested, RefundSettled
from contracts.policies import GracePolicySet
from contracts.values import Contract
from tests.builders import ADMIN, CUSTOMER, HOUR, NOW, facts

START = NOW + 10 * HOUR
TOTAL = Decimal("1500.00")


def late(hours: float) -> datetime:
    """An instant so many hours before the start."""
    return START - timedelta(hours=hours)


@dataclass
class Story:
    """The events of one booking for 1500.00 that starts in ten hours, as the booking service tells them."""

    payment_method: str | None = None
    id: UUID = field(default_factory=new_id)
    versions: "count[int]" = field(default_factory=lambda: count(1))
    status: str = "pending"
    captured: Decimal = Decimal("0.00")
    refunded: Decimal = Decimal("0.00")

    def happens(self, data: Event, at: datetime = NOW) -> Message[Event]:
        version, self.status = next(self.versions), data.status
        about = {"correlation_id": "request-7", "aggregate_version": version}
        return Message(f"{self.id}-{version}", "sewabazaar/booking", str(self.id), at, Actor.system("booking"), data, **about)  # type: ignore[arg-type]

    def created(self) -> Message[Event]:
        data = facts(total_amount=TOTAL, booking_date=START, payment_method=self.payment_method)
        return self.happens(BookingCreated(status="pending", **data))

    def confirmed(self, due: Decimal = TOTAL) -> Message[Event]:
        return self.happens(DeliveryConfirmed(status="awaiting_confirmation", confirmed_by=str(CUSTOMER), amount_due=due))

    def cancelled(self, reason: CancellationReason = "customer", at: datetime = NOW) -> Message[Event]:
        data = BookingCancelled(
            status="cancelled",
            previous_status="pending",
            cancellation_reason=reason,
            cancellation_note=None,
            cancelled_by=str(CUSTOMER),
            cancelled_at=at,
            auto_cancelled=False,
            booking_date=START,
        )
        return self.happens(data, at)

    def overridden(self, target: Any, refund_amount: Decimal | None = None) -> Message[Event]:
        changes = {"from_": self.status, "booking_date": START, "ends_at": START + HOUR, "refund_amount": refund_amount}
        return self.happens(BookingOverridden(status=target, target=target, reason="a mistake, put right", **changes))  # type: ignore[arg-type]

    def paid(self, amount: Decimal = TOTAL, payment: str = "pay-1", method: str | None = None, **changes: Any) -> Message[Event]:
        """A capture was recorded; without a method it is of the booking's."""
        self.captured += amount
        return self._recorded("PaymentCaptured", payment, amount, payment_method=method, **changes)

    def held(self) -> Message[Event]:
        """A capture in another currency was recorded: it is in no sum."""
        return self._recorded("PaymentCaptured", "pay-9", Decimal("10.00"), payment_status="held")

    def asked_back(self, amount: Decimal, payment: str = "pay-1", **changes: Any) -> Message[Event]:
        """A request for a refund was recorded."""
        return self._recorded("RefundRequested", payment, amount, **changes)

    def given_back(self, amount: Decimal, payment: str = "pay-1", **changes: Any) -> Message[Event]:
        """A settled refund was recorded."""
        self.refunded += amount
        return self._recorded("RefundSettled", payment, amount, **changes)

    def records(self, *told: Message[Contract]) -> list[Message[Event]]:
        """What the booking service makes of payments that it is told of."""
        return [self._record(message) for message in told]

    def _record(self, message: Message[Contract]) -> Message[Event]:
        match message.data:
            case PaymentCaptured() as data:
                return self.paid(data.amount, data.payment_id, data.payment_method, payment_event_id=message.id)
            case RefundRequested() as data:
                return self.asked_back(data.amount, data.payment_id, payment_event_id=message.id)
            case RefundSettled() as data:
                return self.given_back(data.amount, data.payment_id, payment_event_id=message.id)
            case other:
                raise AssertionError(other)

    def _recorded(self, kind: Any, payment: str, amount: Decimal, **changes: Any) -> Message[Event]:
        usual = {
            "status": self.status,
            "payment_event_id": str(new_id()),
            "kind": kind,
            "payment_id": payment,
            "payment_status": "captured",
            "amount": amount,
            "authorized": Decimal("0.00"),
            "captured": self.captured,
            "refunded": self.refunded,
            **dict.fromkeys(("payment_method", "gateway_reference", "processed_at", "failure_code", "terminal")),
        }
        return self.happens(PaymentRecorded(**{**usual, **changes}))


def policy(version: int, fee: float, *, category: str = "plumbing", at: datetime = NOW, **changes: Any) -> Message[Contract]:
    """An admin sets a fee for late cancellations."""
    data = {"policy_version": version, "effective_at": at, "grace_hours": 24, "cancel_fee_percent": fee, "set_by": str(ADMIN), **changes}
    return Message(str(new_id()), "office", category, NOW, ADMIN, GracePolicySet(category=category, **data))
