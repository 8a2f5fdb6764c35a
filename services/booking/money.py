"""What payment facts make of a booking's money. Sums and status come out the same in any legal order of the facts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import assert_never, cast

from contracts.events import PaymentRecorded, Status
from contracts.payments import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentFailed,
    PaymentStatus,
    PaymentType,
    PaymentVoided,
    RefundRequested,
    RefundSettled,
)
from contracts.values import Contract, Money as Amount, Reference

PaymentFact = PaymentAuthorized | PaymentCaptured | PaymentFailed | PaymentVoided | RefundRequested | RefundSettled
ZERO = Decimal("0.00")
OTHER_FACT: dict[str, PaymentType] = {"RefundRequested": "RefundSettled", "RefundSettled": "RefundRequested"}


class Entry(Contract):
    """A fact that has moved money, under the references that a copy of it would carry."""

    kind: PaymentType
    payment_id: Reference
    gateway_reference: Reference | None
    refund_id: Reference | None
    amount: Amount

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it stands among the entries, whatever order they came in."""
        return (self.kind, self.refund_id or "", self.gateway_reference or "")


@dataclass(frozen=True, slots=True)
class Money:
    """The money of one booking, in its currency; `refund_requested` includes what is settled, asked for or not."""

    payment_status: PaymentStatus = "none"
    authorized: Decimal = ZERO
    captured: Decimal = ZERO
    refunded: Decimal = ZERO
    refund_requested: Decimal = ZERO
    paid_with: str | None = None
    processed_at: datetime | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def kept(self) -> Decimal:
        """What was captured and neither went back nor is on its way."""
        return self.captured - self.refund_requested

    @property
    def refund_pending(self) -> Decimal:
        """What is on its way back."""
        return self.refund_requested - self.refunded

    @property
    def is_held(self) -> bool:
        """Whether money of another currency came in."""
        return self.payment_status == "held"

    def covers(self, total: Decimal) -> bool:
        """Return whether `total` is set aside or captured, and not on its way back; what is held is neither."""
        return self.kept + max(self.authorized - self.captured, ZERO) >= total

    def settles(self, total: Decimal) -> bool:
        """Return whether exactly `total` was captured; what was captured in excess counts as gone once it is refunded."""
        return not self.is_held and total in {self.captured, self.captured - self.refunded}


def recorded(money: Money, id_: str, data: PaymentFact, currency: str, status: Status) -> PaymentRecorded | None:
    """Return the fact `data` of the message `id_` as an event with the sums after it; None when it changes nothing, as a copy does."""
    if any(_is_copy(entry, data) for entry in money.entries):
        return None
    foreign = getattr(data, "currency", currency) != currency
    after = replace(money, payment_status="held") if foreign else _counted(money, data)
    if after == money and isinstance(data, PaymentVoided):
        return None
    return PaymentRecorded(
        status=status,
        payment_event_id=id_,
        kind=_kind(data),
        payment_id=data.payment_id,
        payment_status=after.payment_status,
        amount=None if foreign else getattr(data, "amount", None),
        authorized=after.authorized,
        captured=after.captured,
        refunded=after.refunded,
        failure_code=getattr(data, "code", None),
        payment_method=getattr(data, "payment_method", None),
        gateway_reference=getattr(data, "gateway_reference", None),
        refund_id=getattr(data, "refund_id", None),
        processed_at=getattr(data, "processed_at", None),
        terminal=getattr(data, "terminal", None),
    )


def absorbed(money: Money, event: PaymentRecorded) -> Money:
    """Return the money after `event`. An amount of another currency is null there, and counts nowhere."""
    processed_at, paid_with = _latest(money, event)
    return Money(
        payment_status=event.payment_status,
        authorized=event.authorized,
        captured=event.captured,
        refunded=event.refunded,
        refund_requested=money.refund_requested + _newly_requested(money, event.kind, event.refund_id, event.amount or ZERO),
        paid_with=paid_with,
        processed_at=processed_at,
        entries=_entered(money.entries, event),
    )


def _latest(money: Money, event: PaymentRecorded) -> tuple[datetime | None, str | None]:
    """When money last moved and how, whichever was told first."""
    known, told = (money.processed_at, money.paid_with), (event.processed_at, event.payment_method)
    if told[0] is None or known[0] is None:
        return told if known[0] is None and told[0] is not None else known
    return max(known, told, key=lambda pair: (pair[0], pair[1] or ""))


def _is_copy(entry: Entry, data: PaymentFact) -> bool:
    if entry.kind != _kind(data):
        return False
    pairs = [(entry.gateway_reference, getattr(data, "gateway_reference", None)), (entry.refund_id, getattr(data, "refund_id", None))]
    return any(known is not None and known == told for known, told in pairs)


def _kind(data: PaymentFact) -> PaymentType:
    return cast(PaymentType, type(data).__name__)


def _counted(money: Money, data: PaymentFact) -> Money:
    after = _summed(money, data)
    return replace(after, payment_status=_status(after, data))


def _summed(money: Money, data: PaymentFact) -> Money:
    match data:
        case PaymentAuthorized():
            return replace(money, authorized=money.authorized + data.amount)
        case PaymentCaptured():
            return replace(money, captured=money.captured + data.amount)
        case PaymentVoided():
            return replace(money, authorized=money.authorized - _set_aside(money.entries, data.payment_id))
        case RefundRequested():
            return replace(
                money, refund_requested=money.refund_requested + _newly_requested(money, "RefundRequested", data.refund_id, data.amount)
            )
        case RefundSettled():
            more = _newly_requested(money, "RefundSettled", data.refund_id, data.amount)
            return replace(money, refunded=money.refunded + data.amount, refund_requested=money.refund_requested + more)
        case PaymentFailed():
            return money
        case _:
            assert_never(data)


def _newly_requested(money: Money, kind: PaymentType, refund_id: str | None, amount: Decimal) -> Decimal:
    """What a fact about a refund adds to the requested: nothing up to what the refund's other fact has said."""
    other = OTHER_FACT.get(kind)
    known = sum((e.amount for e in money.entries if e.kind == other and e.refund_id == refund_id), ZERO)
    return max(amount - known, ZERO) if other else ZERO


def _status(money: Money, data: PaymentFact) -> PaymentStatus:
    """Money that has moved decides before what the last fact says, so that a late fact undoes nothing."""
    if money.is_held:
        return "held"
    if money.refund_pending:
        return "refund_pending"
    if money.refunded:
        return "refunded" if money.refunded >= money.captured else "partially_refunded"
    return "captured" if money.captured else _unpaid_status(money, data)


def _unpaid_status(money: Money, data: PaymentFact) -> PaymentStatus:
    match data:
        case PaymentAuthorized():
            return "authorized"
        case PaymentCaptured():
            return "captured"
        case PaymentVoided():
            return "authorized" if money.authorized else "voided"
        case PaymentFailed(terminal=True):
            return "authorized" if money.authorized and data.stage == "authorize" else "failed"
        case _:
            return money.payment_status


def _set_aside(entries: Iterable[Entry], payment_id: str) -> Decimal:
    return sum((e.amount for e in entries if e.kind == "PaymentAuthorized" and e.payment_id == payment_id), ZERO)


def _entered(entries: tuple[Entry, ...], event: PaymentRecorded) -> tuple[Entry, ...]:
    if event.kind == "PaymentVoided":
        return tuple(_freed(entry) if entry.payment_id == event.payment_id else entry for entry in entries)
    if event.gateway_reference is None and event.refund_id is None:
        return entries
    entry = Entry(
        kind=event.kind,
        payment_id=event.payment_id,
        gateway_reference=event.gateway_reference,
        refund_id=event.refund_id,
        amount=event.amount or ZERO,
    )
    return tuple(sorted((*entries, entry), key=lambda each: each.place))


def _freed(entry: Entry) -> Entry:
    return entry.model_copy(update={"amount": ZERO}) if entry.kind == "PaymentAuthorized" else entry
