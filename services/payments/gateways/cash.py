"""Cash changes hands between customer and provider: taking and giving it back is to record it, at once and for certain."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from contracts.ids import derived_id
from contracts.payments import PaymentCaptured, RefundRequested, RefundSettled

METHOD = "cash"


def accepts(method: str | None) -> bool:
    """Return whether money of this payment method is cash; no method means cash."""
    return method in {None, METHOD}


def capture(booking: UUID, amount: Decimal, currency: str, at: datetime) -> PaymentCaptured:
    """Take `amount` for a booking whose delivery was confirmed at `at`; of one booking it is always the same capture."""
    return PaymentCaptured(
        payment_id=str(derived_id("cash-payment", str(booking))),
        amount=amount,
        currency=currency,
        payment_method=METHOD,
        gateway_reference=str(derived_id("cash-capture", str(booking))),
        processed_at=at,
    )


def settle(request: RefundRequested) -> RefundSettled:
    """Give back what was asked for; of one request it is always the same settlement."""
    return RefundSettled(
        refund_id=request.refund_id,
        payment_id=request.payment_id,
        amount=request.amount,
        currency=request.currency,
        gateway_reference=str(derived_id("cash-refund", request.refund_id)),
    )
