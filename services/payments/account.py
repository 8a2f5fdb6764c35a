"""The money of one booking, folded from its events: what was captured under which payment, and what was asked back by whomever."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from contracts.events import BookingCreated, Event, PaymentRecorded
from services.payments.policy import ZERO


@dataclass(frozen=True, slots=True)
class Capture:
    """What was captured under one payment id, all in all."""

    payment: str
    method: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """What was asked back of a payment; `id` is the refund's, or that of the message which told of it without naming one."""

    id: str
    payment: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """A booking's money after event number `version`, in the booking's currency; held money is in no sum."""

    booking: UUID
    version: int
    status: str
    category: str
    currency: str
    payment_method: str | None
    payment_status: str = "none"
    cash_captured: bool = False
    captures: tuple[Capture, ...] = ()
    refunds: tuple[Refund, ...] = ()
    settled: Decimal = ZERO

    @property
    def captured(self) -> Decimal:
        """All that was ever captured."""
        return _sum(capture.amount for capture in self.captures)

    @property
    def requested(self) -> Decimal:
        """All that was ever asked back."""
        return _sum(refund.amount for refund in self.refunds)

    @property
    def refundable(self) -> Decimal:
        """What was captured and not asked back."""
        return max(ZERO, self.captured - self.requested)

    def refundable_of(self, capture: Capture) -> Decimal:
        """What was captured under one payment and not asked back of it."""
        return max(ZERO, capture.amount - _sum(refund.amount for refund in self.refunds if refund.payment == capture.payment))


def opened(booking: UUID, version: int, data: BookingCreated) -> Account:
    """Return the account of a new booking."""
    return Account(booking, version, data.status, data.category, data.currency, data.payment_method)


def after(account: Account, data: Event) -> Account:
    """Return the account after the next event of its booking."""
    account = replace(account, version=account.version + 1, status=data.status)
    return _recorded(account, data) if isinstance(data, PaymentRecorded) else account


def asked_back(account: Account, refund: Refund) -> Account:
    """Return the account after a request for a refund; the same request again changes nothing."""
    known = refund.amount == 0 or any(other.id == refund.id for other in account.refunds)
    return account if known else replace(account, refunds=(*account.refunds, refund))


def _recorded(account: Account, data: PaymentRecorded) -> Account:
    account = replace(account, payment_status=data.payment_status)
    match data.kind:
        case "PaymentCaptured":
            return _captured(account, data)
        case "RefundRequested":
            return asked_back(account, Refund(_refund_id(data), data.payment_id, data.amount or ZERO))
        case "RefundSettled":
            return _settled(account, data)
        case _:
            return account


def _captured(account: Account, data: PaymentRecorded) -> Account:
    """Add what the sum has grown by: that leaves out money that is held."""
    arrived = data.captured - account.captured
    if arrived <= 0:
        return account
    before = next((capture.amount for capture in account.captures if capture.payment == data.payment_id), ZERO)
    others = (capture for capture in account.captures if capture.payment != data.payment_id)
    capture = Capture(data.payment_id, data.payment_method or account.payment_method, before + arrived)
    return replace(account, captures=(*others, capture))


def _settled(account: Account, data: PaymentRecorded) -> Account:
    """Note what is back; a refund that was never asked for counts as asked for, so that it is not given twice."""
    unasked = data.amount or ZERO if data.refund_id else max(ZERO, data.refunded - account.requested)
    return replace(asked_back(account, Refund(_refund_id(data), data.payment_id, unasked)), settled=data.refunded)


def _refund_id(data: PaymentRecorded) -> str:
    return data.refund_id or data.payment_event_id


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
