"""What follows from each event for a booking's money: nothing is taken twice, and never more goes back than came in."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import cast
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from contracts.events import BookingCreated, CancellationReason, Event
from contracts.message import Message
from contracts.payments import PaymentCaptured, RefundRequested, RefundSettled
from services.payments.account import Account, after, opened
from services.payments.policy import Policy
from services.payments.reactions import Fact, Reaction, react
from tests.builders import HOUR, NOW
from tests.money import TOTAL, Story

FEES = (Policy("plumbing", 1, NOW - HOUR, cancel_fee_percent=Decimal(10), no_show_fee_percent=Decimal(50)),)


def step(reaction: Reaction, event: Message[Event]) -> Reaction:
    account = reaction.account
    return react(after(account, event.data), event, FEES, account.captured)


def reactions(events: Iterable[Message[Event]]) -> list[Reaction]:
    first, *rest = events
    account = opened(UUID(first.subject), 1, cast(BookingCreated, first.data))
    return list(accumulate(rest, step, initial=Reaction(account)))


def said(*events: Message[Event]) -> list[Fact]:
    return [fact for reaction in reactions(events) for fact in reaction.facts]


def account(*events: Message[Event]) -> Account:
    return reactions(events)[-1].account


def gist(facts: Sequence[Fact]) -> list[tuple[str, str, str]]:
    """Kind, amount and fee of each."""
    return [(type(f).__name__, str(f.amount), str(f.fee) if isinstance(f, RefundRequested) else "") for f in facts]


def back(amount: str, fee: str = "0.00") -> list[tuple[str, str, str]]:
    """A refund in cash."""
    return [("RefundRequested", amount, fee), ("RefundSettled", amount, "")]


@pytest.mark.parametrize("method", [None, "cash"])
def test_cash_is_captured_when_the_delivery_is_confirmed(method: str | None) -> None:
    story = Story(method)
    (capture,) = said(story.created(), story.confirmed(Decimal("700.50")))
    assert isinstance(capture, PaymentCaptured)
    assert (capture.amount, capture.currency, capture.payment_method, capture.processed_at) == (Decimal("700.50"), "NPR", "cash", NOW)


def test_nothing_due_and_other_methods_are_not_captured() -> None:
    story, card = Story(), Story("sandbox")
    assert said(story.created(), story.confirmed(Decimal("0.00"))) == []
    assert said(card.created(), card.confirmed()) == []


def test_a_second_confirmation_captures_nothing_more() -> None:
    story = Story()
    assert gist(said(story.created(), story.confirmed(), story.confirmed())) == [("PaymentCaptured", "1500.00", "")]


@pytest.mark.parametrize(
    ("reason", "amount", "fee"),
    [("expired", "1500.00", "0.00"), ("customer", "1350.00", "150.00"), ("no_show_customer", "750.00", "750.00")],
)
def test_a_cancelled_booking_gives_back_what_was_captured_less_the_fee(reason: CancellationReason, amount: str, fee: str) -> None:
    story = Story()
    facts = said(story.created(), story.paid(), story.cancelled(reason))
    request, settlement = facts
    assert gist(facts) == back(amount, fee)
    assert isinstance(request, RefundRequested)
    assert isinstance(settlement, RefundSettled)
    assert (request.payment_id, request.currency, request.reason) == ("pay-1", "NPR", reason)
    assert (settlement.refund_id, settlement.payment_id) == (request.refund_id, "pay-1")


def test_a_cancelled_booking_without_money_gives_nothing_back() -> None:
    story = Story()
    assert said(story.created(), story.cancelled()) == []


def test_whoever_captured_other_money_than_cash_settles_its_refund() -> None:
    card, mixed = Story("sandbox"), Story()
    assert gist(said(card.created(), card.paid(), card.cancelled("expired"))) == [("RefundRequested", "1500.00", "0.00")]
    assert gist(said(mixed.created(), mixed.paid(method="sandbox"), mixed.cancelled("expired"))) == [("RefundRequested", "1500.00", "0.00")]


def test_money_of_two_payments_goes_back_to_each_and_the_fee_is_told_once() -> None:
    story = Story()
    deposit = story.created(), story.paid(Decimal("100.00"), "card-1", "sandbox"), story.paid(Decimal("1400.00"), "cash-1")
    facts = said(*deposit, story.cancelled())
    requests = [f for f in facts if isinstance(f, RefundRequested)]
    assert [(r.payment_id, str(r.amount), str(r.fee)) for r in requests] == [("card-1", "100.00", "150.00"), ("cash-1", "1250.00", "0.00")]
    assert len({r.refund_id for r in requests}) == 2
    assert [f.payment_id for f in facts if isinstance(f, RefundSettled)] == ["cash-1"]


def test_each_late_capture_goes_back_once_and_in_full() -> None:
    story = Story()
    history = [story.created(), story.paid(), story.cancelled()]
    history += [story.paid(Decimal("300.00")), story.paid(Decimal("200.00"), "pay-2")]
    facts = said(*history)
    assert gist(facts) == [*back("1350.00", "150.00"), *back("300.00"), *back("200.00")]
    assert len({f.refund_id for f in facts if isinstance(f, RefundRequested)}) == 3


@pytest.mark.parametrize("by_name", [True, False])
def test_what_comes_back_of_our_own_requests_changes_nothing(by_name: bool) -> None:
    story = Story()
    history = [story.created(), story.paid(), story.cancelled("expired")]
    request = cast(RefundRequested, said(*history)[0])
    named = {"refund_id": request.refund_id} if by_name else {"payment_event_id": request.refund_id}
    history += [story.asked_back(TOTAL, **named), story.given_back(TOTAL, **named)]
    assert gist(said(*history, story.paid(Decimal("10.00")))) == [*back("1500.00"), *back("10.00")]
    assert (account(*history).requested, account(*history).settled) == (TOTAL, TOTAL)


def test_refunds_that_others_asked_for_count() -> None:
    story = Story()
    part = [story.created(), story.paid(), story.asked_back(Decimal("500.00")), story.cancelled("provider")]
    assert gist(said(*part)) == back("1000.00")
    whole = Story()
    assert said(whole.created(), whole.paid(), whole.asked_back(TOTAL), whole.cancelled("provider")) == []


def test_a_settlement_that_nobody_asked_for_counts_as_asked_for() -> None:
    for name in ({"refund_id": "r-1"}, {}):
        story = Story()
        history = [story.created(), story.paid(), story.given_back(Decimal("500.00"), **name)]
        assert gist(said(*history, story.cancelled("expired"))) == back("1000.00")


def test_a_named_refund_counts_once_in_whatever_order_it_is_told_of() -> None:
    amount, story = Decimal("500.00"), Story()
    told = [story.created(), story.paid(), story.given_back(amount, refund_id="r-1"), story.asked_back(amount, refund_id="r-1")]
    assert gist(said(*told, story.cancelled("expired"))) == back("1000.00")


def test_a_settlement_that_nobody_asked_for_is_seen_while_our_own_request_waits() -> None:
    story = Story("sandbox")
    history = [story.created(), story.paid(), story.cancelled(), story.given_back(Decimal("150.00"), refund_id="r-1")]
    assert account(*history).refundable == 0


def test_a_late_capture_that_somebody_has_asked_back_already_is_not_asked_back_again() -> None:
    story = Story()
    history = [story.created(), story.paid(), story.cancelled(), story.asked_back(Decimal("300.00"), payment="pay-2")]
    assert gist(said(*history, story.paid(Decimal("300.00"), "pay-2"))) == back("1350.00", "150.00")


def test_held_money_is_left_alone() -> None:
    story = Story()
    history = [story.created(), story.held(), story.cancelled("expired")]
    assert said(*history, story.held()) == []
    assert account(*history).payment_status == "held"


def test_an_override_gives_back_what_the_admin_names_or_everything_when_it_cancels() -> None:
    for target, named, expected in (
        ("completed", Decimal("400.00"), "400.00"),
        ("cancelled", None, "1500.00"),
        ("cancelled", TOTAL, "1500.00"),
    ):
        story = Story()
        assert gist(said(story.created(), story.paid(), story.overridden(target, named))) == back(expected)


def test_an_override_that_names_nothing_or_goes_elsewhere_gives_nothing_back() -> None:
    for target, named in (("completed", None), ("cancelled", Decimal("0.00"))):
        story = Story()
        assert said(story.created(), story.paid(), story.overridden(target, named)) == []


def test_an_override_never_gives_back_more_than_is_left() -> None:
    story = Story()
    history = [story.created(), story.paid(), story.overridden("completed", Decimal("1000.00"))]
    assert gist(said(*history, story.overridden("completed", TOTAL))) == [*back("1000.00"), *back("500.00")]


def test_a_booking_that_lives_again_pays_a_fee_only_for_money_of_its_new_life() -> None:
    story = Story()
    history = [story.created(), story.paid(), story.cancelled("expired"), story.overridden("confirmed"), story.paid()]
    assert gist(said(*history, story.cancelled())) == [*back("1500.00"), *back("1350.00", "150.00")]


CENTS = Decimal("100.01")
MOVES: dict[str, Callable[[Story, int], Message[Event]]] = {
    "paid": lambda story, _: story.paid(CENTS),
    "paid otherwise": lambda story, _: story.paid(CENTS, "pay-2", "sandbox"),
    "asked back by somebody": lambda story, n: story.asked_back(CENTS, payment_event_id=f"r-{n}"),
    "given back unasked": lambda story, _: story.given_back(CENTS),
    "cancelled by the customer": lambda story, _: story.cancelled(),
    "expired": lambda story, _: story.cancelled("expired"),
    "overridden": lambda story, _: story.overridden("cancelled"),
    "confirmed": lambda story, _: story.confirmed(),
}


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=12))
def test_whatever_happens_no_more_is_asked_back_than_is_left_and_cash_is_captured_once(names: Sequence[str]) -> None:
    story = Story()
    history = [story.created(), *(MOVES[name](story, n) for n, name in enumerate(names))]
    steps = reactions(history)
    for before, now in pairwise(steps):
        asked = sum((f.amount for f in now.facts if isinstance(f, RefundRequested)), Decimal(0))
        assert asked <= max(Decimal(0), now.account.captured - before.account.requested)
    assert [r.facts for r in reactions(history)] == [r.facts for r in steps]
    assert sum(isinstance(f, PaymentCaptured) for r in steps for f in r.facts) == min(1, names.count("confirmed"))
