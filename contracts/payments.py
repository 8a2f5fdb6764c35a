"""What a payments service, ours or an upstream one, says happened to a booking's money."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from contracts.values import (
    Contract,
    Count,
    Currency,
    Instant,
    Method,
    Money,
    Reference,
    Text500,
)

PaymentStatus = Literal[
    "none",
    "authorized",
    "captured",
    "failed",
    "voided",
    "held",
    "refund_pending",
    "refunded",
    "partially_refunded",
]
PaymentType = Literal["PaymentAuthorized", "PaymentCaptured", "PaymentFailed", "PaymentVoided", "RefundRequested", "RefundSettled"]
Stage = Literal["authorize", "capture", "refund"]
FailureCode = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Payment(Contract):
    """A fact about the money of one booking."""

    topic: ClassVar[str] = "payment.events.v1"

    payment_id: Reference


class PaymentAuthorized(Payment):
    """The amount is set aside for us."""

    amount: Money
    currency: Currency = "NPR"
    payment_method: Method | None = None
    gateway_reference: Reference
    processed_at: Instant


class PaymentCaptured(Payment):
    """The amount is ours; captures may be partial and add up."""

    amount: Money
    currency: Currency = "NPR"
    payment_method: Method | None = None
    gateway_reference: Reference
    processed_at: Instant


class PaymentFailed(Payment):
    """An attempt failed; after a terminal one there is no other with this method."""

    stage: Stage
    amount: Money
    currency: Currency = "NPR"
    payment_method: Method | None = None
    terminal: bool
    code: FailureCode
    attempt: Count


class PaymentVoided(Payment):
    """What was set aside is free again."""


class RefundRequested(Payment):
    """Money goes back, less the fee."""

    refund_id: Reference
    amount: Money
    fee: Money
    currency: Currency = "NPR"
    reason: Text500 | None = None


class RefundSettled(Payment):
    """The money is back with the customer."""

    refund_id: Reference
    amount: Money
    currency: Currency = "NPR"
    gateway_reference: Reference


PAYMENTS: tuple[type[Payment], ...] = (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
    RefundRequested,
    RefundSettled,
)
