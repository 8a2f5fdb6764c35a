"""What must hold of money: taken once, counted once, and given back whole."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

from tests.simulation.evidence import Evidence, Logged, Seen, firsts

SUMS = {"PaymentCaptured": "captured", "RefundSettled": "refunded"}


def one_capture(e: Evidence) -> Iterator[str]:
    """Our payments service takes the cash of a booking once, and a booking is completed by exactly what is due."""
    taken = Counter(fact.key for fact in _ours(e, "PaymentCaptured"))
    yield from (f"{booking} was paid {number} times" for booking, number in taken.items() if number > 1)
    for booking, history in e.histories().items():
        kept = Decimal(0)
        for logged in history:
            if logged.name == "PaymentRecorded":
                kept = Decimal(logged.data["captured"]) - Decimal(logged.data["refunded"])
            if logged.name == "BookingCompleted" and history[0].data["total_amount"] not in {logged.data["captured"], f"{kept:.2f}"}:
                yield f"{booking} is completed with {logged.data['captured']} captured, {kept} of it kept"


def money_counted_once(e: Evidence) -> Iterator[str]:
    """A booking counts no capture and no refund twice, and gives back no more than came in."""
    for booking, history in e.histories().items():
        moved: dict[tuple[str, str], Decimal] = {}
        for fact in (logged.data for logged in history if logged.name == "PaymentRecorded" and logged.data["kind"] in SUMS):
            reference = fact["kind"], fact["refund_id"] or fact["gateway_reference"]
            if reference in moved:
                yield f"{booking} has recorded {reference} twice"
            moved[reference] = Decimal(fact["amount"] or 0)
            sums = {name: sum((m for (kind, _), m in moved.items() if kind == of), Decimal(0)) for of, name in SUMS.items()}
            if any(Decimal(fact[name]) != total for name, total in sums.items()) or sums["refunded"] > sums["captured"]:
                yield f"{booking} has {fact['captured']} captured and {fact['refunded']} refunded, where the facts give {sums}"


def all_money_back(e: Evidence) -> Iterator[str]:
    """At rest all that came in for a cancelled booking was asked back, and no more; cash is back."""
    asked: dict[str, Decimal] = defaultdict(Decimal)
    cash = {fact.data["payment_id"] for fact in _ours(e, "PaymentCaptured") if fact.data}
    back = {fact.data["refund_id"] for fact in _ours(e, "RefundSettled") if fact.data}
    for fact in _ours(e, "RefundRequested"):
        data = fact.data or {}
        asked[fact.key] += Decimal(data["amount"]) + Decimal(data["fee"])
        if data["payment_id"] in cash and data["refund_id"] not in back:
            yield f"refund {data['refund_id']} of {fact.key} was never settled"
    for booking, history in e.histories().items():
        if history[-1].data["status"] == "cancelled" and not any(logged.name == "BookingOverridden" for logged in history):
            captured = _captured(history)
            if asked[booking] != captured:
                yield f"{booking} is cancelled: {captured} came in, {asked[booking]} was asked back"


def _captured(history: list[Logged]) -> Decimal:
    return next((Decimal(logged.data["captured"]) for logged in reversed(history) if logged.name == "PaymentRecorded"), Decimal(0))


def _ours(e: Evidence, name: str) -> Iterator[Seen]:
    return (f for f in firsts(e.topics["payment.events.v1"]) if f.identity[0] == "sewabazaar/payments" and f.name == name)
