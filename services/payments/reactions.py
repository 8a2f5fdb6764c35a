"""What the payments service does about an event. Ids are derived from the booking and the event, so that deciding again says the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from contracts.events import BookingCancelled, BookingOverridden, DeliveryConfirmed, Event, PaymentRecorded
from contracts.ids import derived_id
from contracts.message import Message
from contracts.payments import PaymentCaptured, RefundRequested, RefundSettled
from services.payments.account import Account, Capture, Refund, asked_back
from services.payments.gateways import cash
from services.payments.policy import ZERO, Owed, Policy, in_force, refund

Fact = PaymentCaptured | RefundRequested | RefundSettled
OVERRIDE, LATE = "override", "late-capture"


@dataclass(frozen=True, slots=True)
class Reaction:
    """The account once the service has acted, and what it says about that, in order."""

    account: Account
    facts: tuple[Fact, ...] = ()


def react(account: Account, event: Message[Event], policies: Iterable[Policy], captured_before: Decimal) -> Reaction:
    """Return what follows from `event`, which `account` contains; `captured_before` is what was captured before it."""
    match event.data:
        case DeliveryConfirmed() as data:
            return _collect(account, event, data.amount_due)
        case BookingCancelled() as data:
            owed = refund(account.refundable, data, in_force(policies, account.category, data.cancelled_at))
            return _give_back(account, event, owed, data.cancellation_reason)
        case BookingOverridden() as data:
            return _give_back(account, event, Owed(_overridden(account, data)), OVERRIDE)
        case PaymentRecorded(kind="PaymentCaptured", status="cancelled") as data:
            return _give_back(account, event, Owed(account.captured - captured_before), LATE, data.payment_id)
        case _:
            return Reaction(account)


def _collect(account: Account, event: Message[Event], due: Decimal) -> Reaction:
    """Take what is due in cash, once for a booking."""
    if due == 0 or account.cash_captured or not cash.accepts(account.payment_method):
        return Reaction(account)
    return Reaction(replace(account, cash_captured=True), (cash.capture(account.booking, due, account.currency, event.time),))


def _overridden(account: Account, data: BookingOverridden) -> Decimal:
    """Return what an admin gives back: the amount named, else everything when the booking is cancelled."""
    if data.refund_amount is not None:
        return data.refund_amount
    return account.refundable if data.target == "cancelled" else ZERO


def _give_back(account: Account, event: Message[Event], owed: Owed, reason: str, payment: str | None = None) -> Reaction:
    """Ask for `owed`, never for more than is left of any payment (or of `payment` alone); cash is back at once."""
    facts: list[Fact] = []
    for capture, part in _parts(account, owed, payment):
        request = RefundRequested(
            refund_id=str(derived_id("refund", event.subject, str(account.version), capture.payment)),
            payment_id=capture.payment,
            amount=part.amount,
            fee=part.fee,
            currency=account.currency,
            reason=reason,
        )
        account = asked_back(account, Refund(request.refund_id, capture.payment, part.amount))
        facts += [request, cash.settle(request)] if cash.accepts(capture.method) else [request]
    return Reaction(account, tuple(facts))


def _parts(account: Account, owed: Owed, payment: str | None) -> Iterator[tuple[Capture, Owed]]:
    """Divide what is owed among payments, the oldest first; the first request tells the fee of all."""
    left, fee = min(owed.amount, account.refundable), owed.fee
    for capture in account.captures:
        amount = min(left, account.refundable_of(capture)) if payment in {None, capture.payment} else ZERO
        if amount > 0:
            yield capture, Owed(amount, fee)
            left, fee = left - amount, ZERO
