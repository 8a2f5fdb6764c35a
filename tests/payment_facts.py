"""Payment facts as a payments service tells them: an amount in rupees, by card, under references of their own."""

from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from contracts.actors import Actor
from contracts.message import Message
from contracts.payments import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
    RefundRequested,
    RefundSettled,
    Stage,
)
from tests.builders import NOW, TOTAL, D, command

PAYMENTS = Actor.system("payments")
CARD = "sandbox"
_references = count(1)


def fact(booking: UUID, data: D) -> Message[D]:
    """What our payments service says."""
    return command(booking, data, PAYMENTS)


def authorized(
    booking: UUID, amount: Decimal | str = TOTAL, reference: str | None = None, currency: str = "NPR", payment: str = "pay-1"
) -> Message[PaymentAuthorized]:
    """So much is set aside."""
    told = PaymentAuthorized(**_moved(amount, reference, currency), payment_id=payment)
    return fact(booking, told)


def captured(
    booking: UUID, amount: Decimal | str = TOTAL, reference: str | None = None, currency: str = "NPR", at: datetime = NOW
) -> Message[PaymentCaptured]:
    """So much is ours."""
    return fact(booking, PaymentCaptured(**{**_moved(amount, reference, currency), "processed_at": at}, payment_id="pay-1"))


def _moved(amount: Decimal | str, reference: str | None, currency: str) -> dict[str, Any]:
    return {
        "amount": Decimal(amount),
        "currency": currency,
        "payment_method": CARD,
        "gateway_reference": reference or f"gw-{next(_references)}",
        "processed_at": NOW,
    }


def failed(booking: UUID, stage: Stage = "authorize", attempt: int = 1, *, terminal: bool = True) -> Message[PaymentFailed]:
    """An attempt has failed, for good unless said otherwise."""
    told = PaymentFailed(
        payment_id="pay-1", stage=stage, amount=TOTAL, payment_method=CARD, terminal=terminal, code="card_declined", attempt=attempt
    )
    return fact(booking, told)


def voided(booking: UUID, payment: str = "pay-1") -> Message[PaymentVoided]:
    """What was set aside is free again."""
    return fact(booking, PaymentVoided(payment_id=payment))


def refund_requested(booking: UUID, amount: Decimal | str = TOTAL, refund: str = "r-1") -> Message[RefundRequested]:
    """So much is to go back."""
    return fact(booking, RefundRequested(refund_id=refund, payment_id="pay-1", amount=Decimal(amount), fee=Decimal("0.00")))


def refund_settled(
    booking: UUID, amount: Decimal | str = TOTAL, refund: str = "r-1", reference: str | None = None
) -> Message[RefundSettled]:
    """So much has gone back."""
    told = RefundSettled(
        refund_id=refund, payment_id="pay-1", amount=Decimal(amount), gateway_reference=reference or f"gw-{next(_references)}"
    )
    return fact(booking, told)
