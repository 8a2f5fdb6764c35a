"""What payment facts do: to the booking in every state, to the sums, and to the status of the money."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations

import pytest

from contracts.events import PaymentRecorded
from contracts.message import Message
from services.booking.lifecycle import Cause
from tests.builders import (
    BOOKING,
    CUSTOMER,
    NOW,
    SYSTEM,
    accept,
    after,
    cancel,
    complete,
    confirm,
    create,
    deliver,
    dispute,
    events_of,
    outcome,
    override,
    then,
)
from tests.payment_facts import CARD, PAYMENTS, authorized, captured, failed, refund_requested, refund_settled, voided
from tests.unit.lifecycle_cells import LIVED

Messages = Sequence[Message[Cause]]
PREPAID, PENDING, AGREED, DISPUTED = (LIVED[state] for state in ("created", "pending", "agreed", "disputed"))
RESTING = sorted(LIVED.keys() - {"service_delivered"})
FACTS: dict[str, Message[Cause]] = {
    "authorized": authorized(BOOKING),
    "authorized in part": authorized(BOOKING, "1499.99"),
    "authorized abroad": authorized(BOOKING, currency="USD"),
    "captured": captured(BOOKING),
    "captured in part": captured(BOOKING, "1499.99"),
    "captured too much": captured(BOOKING, "1500.01"),
    "captured abroad": captured(BOOKING, currency="USD"),
    "failed for now": failed(BOOKING, terminal=False),
    "failed for good": failed(BOOKING),
    "capture failed": failed(BOOKING, "capture"),
    "refund failed": failed(BOOKING, "refund"),
    "voided": voided(BOOKING),
    "refund requested": refund_requested(BOOKING),
    "refund settled": refund_settled(BOOKING),
}
MOVES = {  # every other fact is recorded in every other state, and leaves it as it is
    ("authorized", "created"): "pending",
    ("captured", "created"): "pending",
    ("captured too much", "created"): "pending",
    ("failed for good", "created"): "cancelled",
    ("captured", "agreed"): "completed",
}
NOTHING_TO_VOID = {("voided", state) for state in ("completed", "reviewed")}


@pytest.mark.parametrize("state", RESTING)
@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_in_every_state_is_recorded_and_moves_only_what_it_should(fact: str, state: str) -> None:
    if (fact, state) in NOTHING_TO_VOID:
        assert outcome(LIVED[state], FACTS[fact]) == "unchanged"
        return
    first, *_ = events = events_of(LIVED[state], FACTS[fact])
    assert (type(first.data).__name__, first.version, first.actor) == ("PaymentRecorded", LIVED[state].version + 1, PAYMENTS)
    assert [e.data.status for e in events] == [LIVED[state].status, *([MOVES[fact, state]] if (fact, state) in MOVES else [])]


def test_without_a_booking_there_is_nothing_to_record() -> None:
    assert outcome(None, captured(BOOKING)) == "unchanged"


def test_an_authorisation_that_fails_for_good_ends_a_booking_that_waits_for_it() -> None:
    booking = then(PREPAID, failed(BOOKING))
    assert (booking.cancellation_reason, booking.cancelled_by, booking.cancelled_at) == ("payment-failed", str(SYSTEM), NOW)
    assert (booking.auto_cancelled, booking.money.payment_status) == (False, "failed")


def test_a_recorded_fact_says_all_that_it_was_told_and_the_sums_after_it() -> None:
    fact = captured(BOOKING, "500.00", "gw-x")
    (event,) = events_of(then(PENDING, authorized(BOOKING)), fact)
    assert event.data.model_dump() == {
        "status": "pending",
        "payment_event_id": fact.id,
        "kind": "PaymentCaptured",
        "payment_id": "pay-1",
        "payment_status": "captured",
        "amount": Decimal("500.00"),
        "authorized": Decimal("1500.00"),
        "captured": Decimal("500.00"),
        "refunded": Decimal("0.00"),
        "payment_method": CARD,
        "gateway_reference": "gw-x",
        "refund_id": None,
        "processed_at": NOW,
        "failure_code": None,
        "terminal": None,
    }


def test_a_recorded_failure_says_why() -> None:
    (event,) = events_of(PENDING, failed(BOOKING, "capture", terminal=False))
    assert isinstance(event.data, PaymentRecorded)
    assert (event.data.failure_code, event.data.terminal, event.data.payment_status) == ("card_declined", False, "none")


STATUSES: list[tuple[Messages, str, str]] = [
    ([authorized(BOOKING)], "authorized", "1500.00 0.00 0.00 0.00"),
    ([authorized(BOOKING), captured(BOOKING)], "captured", "1500.00 1500.00 0.00 0.00"),
    ([captured(BOOKING), authorized(BOOKING)], "captured", "1500.00 1500.00 0.00 0.00"),
    ([captured(BOOKING, "1.00"), captured(BOOKING, "2.00")], "captured", "0.00 3.00 0.00 0.00"),
    ([captured(BOOKING, "0.00")], "captured", "0.00 0.00 0.00 0.00"),
    ([failed(BOOKING, terminal=False)], "none", "0.00 0.00 0.00 0.00"),
    ([failed(BOOKING)], "failed", "0.00 0.00 0.00 0.00"),
    ([failed(BOOKING), authorized(BOOKING)], "authorized", "1500.00 0.00 0.00 0.00"),
    ([authorized(BOOKING), failed(BOOKING)], "authorized", "1500.00 0.00 0.00 0.00"),
    ([authorized(BOOKING), failed(BOOKING, "capture")], "failed", "1500.00 0.00 0.00 0.00"),
    ([captured(BOOKING), failed(BOOKING, "capture")], "captured", "0.00 1500.00 0.00 0.00"),
    ([authorized(BOOKING), voided(BOOKING)], "voided", "0.00 0.00 0.00 0.00"),
    ([authorized(BOOKING), authorized(BOOKING, payment="pay-2"), voided(BOOKING)], "authorized", "1500.00 0.00 0.00 0.00"),
    ([authorized(BOOKING), voided(BOOKING), authorized(BOOKING, "7.00"), voided(BOOKING)], "voided", "0.00 0.00 0.00 0.00"),
    ([captured(BOOKING), refund_requested(BOOKING)], "refund_pending", "0.00 1500.00 0.00 1500.00"),
    ([refund_requested(BOOKING), captured(BOOKING)], "refund_pending", "0.00 1500.00 0.00 1500.00"),
    ([captured(BOOKING), refund_requested(BOOKING), failed(BOOKING, "refund")], "refund_pending", "0.00 1500.00 0.00 1500.00"),
    ([captured(BOOKING), refund_requested(BOOKING), refund_settled(BOOKING)], "refunded", "0.00 1500.00 1500.00 0.00"),
    (
        [captured(BOOKING), refund_requested(BOOKING, "9.00"), refund_settled(BOOKING, "9.00")],
        "partially_refunded",
        "0.00 1500.00 9.00 0.00",
    ),
    ([captured(BOOKING, currency="USD")], "held", "0.00 0.00 0.00 0.00"),
    ([captured(BOOKING, currency="USD"), captured(BOOKING)], "held", "0.00 1500.00 0.00 0.00"),
]


@pytest.mark.parametrize(("facts", "status", "sums"), STATUSES, ids=lambda value: value if isinstance(value, str) else "after")
def test_the_status_of_the_money_follows_from_what_has_moved(facts: Messages, status: str, sums: str) -> None:
    money = then(PENDING, *facts).money
    assert (money.payment_status, f"{money.authorized} {money.captured} {money.refunded} {money.refund_pending}") == (status, sums)


COPIES: list[tuple[Message[Cause], Message[Cause], bool]] = [
    (authorized(BOOKING, reference="g"), authorized(BOOKING, "1.00", reference="g"), True),
    (captured(BOOKING, reference="g"), captured(BOOKING, "1.00", reference="g"), True),
    (captured(BOOKING, reference="g", currency="USD"), captured(BOOKING, reference="g"), True),
    (refund_requested(BOOKING, refund="r"), refund_requested(BOOKING, "1.00", refund="r"), True),
    (refund_settled(BOOKING, refund="r"), refund_settled(BOOKING, refund="r"), True),
    (refund_settled(BOOKING, refund="r", reference="g"), refund_settled(BOOKING, refund="s", reference="g"), True),
    (authorized(BOOKING, reference="g"), captured(BOOKING, reference="g"), False),
    (refund_requested(BOOKING, refund="r"), refund_settled(BOOKING, refund="r"), False),
    (refund_requested(BOOKING, refund="r"), refund_requested(BOOKING, refund="s"), False),
    (failed(BOOKING), failed(BOOKING), False),
    (voided(BOOKING), voided(BOOKING), True),
]


@pytest.mark.parametrize(("first", "second", "copy"), COPIES)
def test_a_second_message_of_one_type_under_one_reference_has_no_effect(first: Message[Cause], second: Message[Cause], copy: bool) -> None:
    assert outcome(then(PENDING, first), second) == ("unchanged" if copy else "pending")


def test_partial_captures_complete_the_booking_once_they_add_up() -> None:
    part = then(AGREED, captured(BOOKING, "500.00"))
    assert (part.status, part.amount_due) == ("awaiting_confirmation", Decimal("1000.00"))
    whole = then(part, captured(BOOKING, "1000.00"))
    assert (whole.status, whole.amount_due, whole.completed_at, whole.auto_confirmed) == ("completed", Decimal("0.00"), NOW, False)


def interleaved(commands: Messages, facts: Messages) -> Iterator[list[Message[Cause]]]:
    """Every order that keeps the order of the commands and of the facts."""
    for places in combinations(range(len(commands) + len(facts)), len(facts)):
        left, right = iter(commands), iter(facts)
        yield [next(right) if n in places else next(left) for n in range(len(commands) + len(facts))]


WORK: Messages = [accept(BOOKING), deliver(BOOKING), confirm(BOOKING)]
PARTS: Messages = [authorized(BOOKING, "3.00"), captured(BOOKING, "1.00"), captured(BOOKING, "2.00")]


@pytest.mark.parametrize("order", list(interleaved(WORK, PARTS)))
def test_facts_and_commands_end_alike_in_whatever_order_they_come(order: Messages) -> None:
    cheap = after(create(BOOKING, total_amount=Decimal("3.00")))
    booking = then(cheap, *order)
    assert booking == then(cheap, *WORK, *PARTS)
    assert (booking.status, booking.version) == ("completed", 10)


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        ([authorized(BOOKING, "900.00"), captured(BOOKING, "900.00")], "created"),
        ([authorized(BOOKING, "900.00"), authorized(BOOKING, "600.00")], "pending"),
        ([captured(BOOKING, "900.00"), captured(BOOKING, "600.00")], "pending"),
        ([authorized(BOOKING, "900.00"), voided(BOOKING), authorized(BOOKING, "600.00")], "created"),
    ],
)
def test_a_pre_payment_is_there_once_all_of_it_is_set_aside_or_captured(paid: Messages, expected: str) -> None:
    assert then(PREPAID, *paid).status == expected


def test_money_of_another_currency_completes_nothing() -> None:
    held = then(AGREED, captured(BOOKING, currency="USD"), captured(BOOKING))
    assert (held.status, held.money.payment_status, held.money.captured) == ("awaiting_confirmation", "held", Decimal("1500.00"))
    assert [outcome(held, asked) for asked in (complete(BOOKING), override(BOOKING, "completed"))] == ["money-inconsistent"] * 2
    (event,) = events_of(AGREED, captured(BOOKING, currency="USD"))
    assert isinstance(event.data, PaymentRecorded)
    assert event.data.amount is None


def test_money_of_another_currency_submits_nothing_and_keeps_nothing_from_being_submitted() -> None:
    foreign, own = captured(BOOKING, currency="USD"), authorized(BOOKING)
    assert then(PREPAID, foreign).status == "created"
    for facts in ((foreign, own), (own, foreign)):
        booking = then(PREPAID, *facts)
        assert (booking.status, booking.money.payment_status, booking.money.authorized) == ("pending", "held", Decimal("1500.00"))


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_refund_counts_as_requested_once_whoever_tells_of_it_first(asked_first: bool) -> None:
    facts = [refund_requested(BOOKING, "30.00", refund="r"), refund_settled(BOOKING, "30.00", refund="r")]
    money = then(AGREED, captured(BOOKING, "1500.00"), *(facts if asked_first else reversed(facts))).money
    assert (money.refund_requested, money.refund_pending, money.kept) == (Decimal("30.00"), Decimal("0.00"), Decimal("1470.00"))


def test_a_refund_that_nobody_asked_for_hides_none_that_is_under_way() -> None:
    asked, unasked = refund_requested(BOOKING, "30.00", refund="r"), refund_settled(BOOKING, "30.00", refund="s")
    money = then(AGREED, captured(BOOKING, "1500.00"), asked, unasked).money
    assert (money.payment_status, money.refund_pending, money.kept) == ("refund_pending", Decimal("30.00"), Decimal("1440.00"))


def test_a_disputed_delivery_is_not_completed_by_money_but_by_the_confirmation_after_it() -> None:
    paid = then(DISPUTED, captured(BOOKING))
    assert paid.status == "awaiting_confirmation"
    assert then(paid, confirm(BOOKING)).status == "completed"
    assert then(AGREED, dispute(BOOKING), captured(BOOKING)).status == "awaiting_confirmation"


def test_what_was_captured_in_excess_completes_nothing_until_it_is_back() -> None:
    excess = then(AGREED, captured(BOOKING, "1600.00"))
    assert (excess.status, excess.amount_due, outcome(excess, complete(BOOKING))) == (
        "awaiting_confirmation",
        Decimal("0.00"),
        "money-inconsistent",
    )
    back = then(excess, refund_requested(BOOKING, "100.00"), refund_settled(BOOKING, "100.00"))
    assert (back.status, back.money.payment_status) == ("completed", "partially_refunded")


def test_money_for_a_cancelled_booking_is_recorded_and_revives_nothing() -> None:
    off = after(create(BOOKING, prepaid=True, payment_method=CARD), cancel(BOOKING))
    paid = then(off, authorized(BOOKING), captured(BOOKING))
    assert (paid.status, paid.cancelled_by, paid.money.payment_status) == ("cancelled", str(CUSTOMER), "captured")
    assert then(paid, refund_requested(BOOKING), refund_settled(BOOKING)).money.payment_status == "refunded"


def test_the_latest_movement_names_the_method_whichever_is_told_first() -> None:
    early, late = captured(BOOKING, "1.00"), captured(BOOKING, "2.00", at=NOW + timedelta(minutes=1))
    late = replace(late, data=late.data.model_copy(update={"payment_method": "wallet"}))
    for order in ([early, late], [late, early]):
        money = then(PENDING, *order).money
        assert (money.paid_with, money.processed_at) == ("wallet", NOW + timedelta(minutes=1))
    assert then(PENDING, early, failed(BOOKING)).money.processed_at == NOW


@pytest.mark.parametrize(
    ("paid", "due"),
    [([], "1500.00"), ([captured(BOOKING, "600.00")], "900.00"), ([authorized(BOOKING)], "1500.00"), ([captured(BOOKING)], "0.00")],
)
def test_what_is_due_is_the_total_less_what_was_captured(paid: Messages, due: str) -> None:
    _, asked = events_of(then(LIVED["confirmed"], *paid), deliver(BOOKING))
    answered, *_ = events_of(then(LIVED["awaiting"], *paid), confirm(BOOKING))
    assert [e.data.model_dump()["amount_due"] for e in (asked, answered)] == [Decimal(due)] * 2
