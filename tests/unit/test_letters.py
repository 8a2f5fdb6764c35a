"""Who is told what about which event, and what has become pointless."""

from dataclasses import replace
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from contracts.events import (
    BookingAccepted,
    BookingDisputed,
    BookingNotesEdited,
    BookingSubmitted,
    CancellationReason,
    ConfirmationRequested,
    DeliveryConfirmed,
    Event,
    PaymentRecorded,
    RebookingSuggested,
    ServiceDelivered,
)
from services.notifier.facts import Booking, Person, fold
from services.notifier.letters import (
    ABOUT,
    EMAIL,
    IN_APP,
    LETTERS,
    REMINDERS,
    channels_to,
    letters_about,
    letters_reminding,
    pointless,
    silenced,
)
from services.notifier.settings import NotifierSettings
from tests.unit.letter_samples import (
    AT,
    BEFORE,
    BOOKING,
    FAILED_BEFORE,
    HOUR,
    SAMPLES,
    SITA,
    TICK,
    cancelled,
    created,
    delivery,
    moved,
    overridden,
    paid,
)

TOLD = {
    "BookingCreated": ["created-customer"],
    "BookingSubmitted": ["requested-provider"],
    "BookingAccepted": ["accepted-customer", "accepted-provider"],
    "BookingRescheduled": ["moved-customer", "moved-provider"],
    "BookingRescheduled pending": ["moved-customer", "moved-request-provider"],
    "BookingNotesEdited confirmed": ["notes-provider"],
    "BookingCancelled": ["cancelled-customer", "cancelled-provider"],
    "BookingCancelled declined": ["declined-customer", "declined-provider"],
    "BookingCancelled expired": ["expired-customer", "expired-provider"],
    "RebookingSuggested": ["suggested-customer"],
    "ConfirmationRequested": ["delivered-customer"],
    "DeliveryConfirmed": ["delivery-confirmed-provider"],
    "BookingCompleted": ["completed-customer", "completed-provider"],
    "BookingDisputed": ["disputed-customer", "disputed-provider"],
    "ReviewAdded": ["reviewed-provider"],
    "BookingOverridden": ["overridden-customer", "overridden-provider"],
    "PaymentFailed first": ["payment-failed-customer"],
    "PaymentFailed for good": ["payment-ended-customer"],
    "RefundRequested": ["refund-requested-customer"],
    "RefundSettled": ["refunded-customer"],
    "LapseReminderDue": ["reminder-provider"],
    "LapseReminderDue first": ["reminder-customer", "reminder-provider"],
}
REQUESTS = {"requested-provider", "moved-request-provider", "delivered-customer", *REMINDERS}
CANCELLATIONS = set(get_args(CancellationReason))


def told(event: Event, before: Booking | None = BOOKING) -> list[str]:
    return [letter.template for letter in letters_about(event, before)]


def test_every_row_of_the_table_is_expected_and_has_an_event() -> None:
    assert TOLD.keys() == ABOUT.keys() == SAMPLES.keys()


def test_the_page_about_letters_names_each_of_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "letters.md").read_text(encoding="utf-8")
    assert {template for template in LETTERS if f"`{template}`" not in page} == set()


@pytest.mark.parametrize("occasion", TOLD)
def test_who_is_told_of_each_event(occasion: str) -> None:
    event = SAMPLES[occasion]
    if isinstance(event, Event):
        assert told(event, BEFORE.get(occasion, BOOKING)) == TOLD[occasion]
    else:
        assert [letter.template for letter in letters_reminding(first=occasion.endswith("first"))] == TOLD[occasion]
    assert {LETTERS[template].to for template in TOLD[occasion]} == {template.rpartition("-")[2] for template in TOLD[occasion]}


@pytest.mark.parametrize("reason", sorted(CANCELLATIONS - {"declined", "expired"}))
def test_whatever_ends_a_booking_both_hear_of_it(reason: CancellationReason) -> None:
    assert told(cancelled(reason)) == ["cancelled-customer", "cancelled-provider"]


@pytest.mark.parametrize(
    "event",
    [
        BookingNotesEdited(status="pending", notes=""),
        RebookingSuggested(status="cancelled", suggestions=()),
        ServiceDelivered(status="service_delivered", photos=(), notes=None, recommendations=None, delivered_at=AT),
        paid("PaymentAuthorized"),
        paid("PaymentCaptured"),
        paid("PaymentVoided"),
        paid("RefundRequested", amount=Decimal("0.00")),
        paid("PaymentFailed", status="created", terminal=True),
        paid("PaymentFailed", status="cancelled", terminal=False),
        paid("PaymentFailed", payment_status="refund_pending", terminal=True),
    ],
    ids=lambda event: f"{event.__class__.__name__}-{getattr(event, 'kind', '')}",
)
def test_what_another_letter_tells_or_nobody_needs_to_know_is_worth_none(event: Event) -> None:
    assert told(event) == []


def failures(*payments: PaymentRecorded) -> list[list[str]]:
    """What the customer hears of each of a booking's failed payments."""
    booking, heard = BOOKING, []
    for version, payment in enumerate(payments, BOOKING.version + 1):
        heard.append(told(payment, booking))
        booking = fold(booking, booking.id, version, payment) or booking
    return heard


def test_of_a_payment_the_first_failure_is_told_and_the_one_that_ends_it() -> None:
    again, over = paid("PaymentFailed", terminal=False), paid("PaymentFailed", terminal=True)
    first, last = ["payment-failed-customer"], ["payment-ended-customer"]
    assert failures(again, again, again, over, over) == [first, [], [], last, []]
    assert failures(over, again, over) == [first, [], []]
    assert failures(again, over, again, over) == [first, last, [], []]
    assert failures(again, paid("PaymentFailed", payment_id="p-2", terminal=False)) == [first, first]


@pytest.mark.parametrize(("automatic", "on", "silent"), [(True, False, True), (True, True, False), (False, False, False)])
def test_only_automatic_cancellations_can_be_silenced(automatic: bool, on: bool, silent: bool) -> None:
    assert bool(silenced(cancelled("expired", automatic=automatic), BOOKING, auto_cancel_letters=on)) is silent


@pytest.mark.parametrize(("reason", "silent"), [("expired", True), ("maintenance", True), ("declined", False), ("provider", False)])
def test_other_times_for_what_the_system_cancelled_are_silenced_with_that(reason: CancellationReason, silent: bool) -> None:
    offered, booking = RebookingSuggested(status="cancelled", suggestions=()), replace(BOOKING, cancellation_reason=reason)
    assert bool(silenced(offered, booking, auto_cancel_letters=False)) is silent
    assert silenced(offered, booking, auto_cancel_letters=True) is None
    assert silenced(RebookingSuggested(status="pending", suggestions=()), booking, auto_cancel_letters=False) is None


def test_people_without_an_address_have_only_the_app() -> None:
    assert channels_to(SITA) == (IN_APP, EMAIL)
    for person in (None, replace(SITA, email=None), replace(SITA, active=False)):
        assert channels_to(person) == (IN_APP,)


def test_only_requests_to_act_go_stale() -> None:
    answered = replace(BOOKING, status="completed", asked=None)
    assert {template for template in LETTERS if pointless(delivery(template, booking=answered), AT) == "stale"} == REQUESTS


@pytest.mark.parametrize("template", sorted(REQUESTS))
@pytest.mark.parametrize(("asked", "reason"), [(None, "stale"), (2, None), (3, None), (4, "stale")])
def test_a_request_goes_stale_once_it_is_answered_or_a_later_version_asks_again(
    template: str, asked: int | None, reason: str | None
) -> None:
    assert pointless(delivery(template, booking=replace(BOOKING, asked=asked)), AT) == reason


@pytest.mark.parametrize("template", sorted(REMINDERS))
def test_a_reminder_goes_stale_at_the_deadline(template: str) -> None:
    reminder = delivery(template, booking=replace(BOOKING, asked=3))
    assert [pointless(reminder, AT + left) for left in (24 * HOUR - TICK, 24 * HOUR)] == [None, "stale"]


def asked(*events: Event) -> int | None:
    """By which version somebody is asked to act after these, the first of which is version 2."""
    start = fold(None, BOOKING.id, 1, created())
    booking = reduce(lambda booking, numbered: fold(booking, BOOKING.id, *numbered), enumerate(events, 2), start)
    return booking.asked if booking else None


SUBMITTED = BookingSubmitted(status="pending")
ACCEPTED = BookingAccepted(status="confirmed", booking_date=AT, ends_at=AT + HOUR)
REQUESTED = ConfirmationRequested(status="awaiting_confirmation", amount_due=Decimal("1.00"), currency="NPR")
CONFIRMED = DeliveryConfirmed(status="awaiting_confirmation", confirmed_by=f"customer:{BOOKING.customer}", amount_due=Decimal("1.00"))


@pytest.mark.parametrize(
    ("events", "version"),
    [
        ([], None),
        ([SUBMITTED], 2),
        ([SUBMITTED, BookingNotesEdited(status="pending", notes="")], 2),
        ([SUBMITTED, moved("pending")], 3),
        ([SUBMITTED, ACCEPTED], None),
        ([SUBMITTED, ACCEPTED, moved("confirmed")], None),
        ([SUBMITTED, ACCEPTED, moved("pending")], 4),
        ([SUBMITTED, ACCEPTED, REQUESTED], 4),
        ([SUBMITTED, ACCEPTED, REQUESTED, paid("PaymentFailed")], 4),
        ([SUBMITTED, ACCEPTED, REQUESTED, CONFIRMED], None),
        ([SUBMITTED, ACCEPTED, REQUESTED, CONFIRMED, paid("PaymentFailed")], None),
        ([SUBMITTED, ACCEPTED, REQUESTED, BookingDisputed(status="awaiting_confirmation", reason="x")], None),
        ([SUBMITTED, ACCEPTED, overridden("pending")], 4),
        ([SUBMITTED, cancelled("customer")], None),
    ],
)
def test_who_is_asked_to_act_is_asked_by_the_version_that_asked_last(events: list[Event], version: int | None) -> None:
    assert asked(*events) == version


def test_an_erased_person_gets_no_mail() -> None:
    erased = Person(SITA.id, None, None, None, None, active=False)
    assert pointless(delivery("accepted-customer", people=(erased,)), AT) == "no-address"
    assert pointless(delivery("accepted-customer", channel=IN_APP, people=(erased,)), AT) is None


def test_a_booking_is_folded_from_its_events() -> None:
    booking: Booking | None = None
    for version, event in enumerate([created(), SUBMITTED, moved("pending"), cancelled("expired", automatic=True)], 1):
        booking = fold(booking, BOOKING.id, version, event)
    whole = replace(BOOKING, version=4, status="cancelled", cancellation_reason="expired", expired_at=AT)
    assert booking == replace(whole, cancellation_note=cancelled("expired").cancellation_note)


def test_a_failed_refund_is_no_failed_payment_of_the_customer() -> None:
    refund = paid("PaymentFailed", payment_status="refund_pending", payment_id="p-2")
    assert fold(FAILED_BEFORE, BOOKING.id, 4, refund) == replace(FAILED_BEFORE, version=4, status="awaiting_confirmation", asked=4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://mail.example"},
        {"smtp_url": "smtp://mail.example:mail"},
        {"public_url": "sewa.example"},
        {"public_url": 'https://sewa.example/"><script>'},
        {"public_url": "https://sewa .example"},
        {"mail_from": "nobody"},
        {"mail_from": "SewaBazaar no-reply@sewabazaar.example"},
        {"mail_from": "a b@c d"},
        {"mail_from": "Sewa <a@b>\r\nBcc: c@d"},
        {"timezone": "Nepal/Everest"},
    ],
)
def test_a_wrong_setting_stops_the_start(wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"database_url": "postgresql://localhost/x", "kafka": "localhost:9092"}
    NotifierSettings(**values)
    with pytest.raises(ValidationError):
        NotifierSettings(**values, **wrong)
