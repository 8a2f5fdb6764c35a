"""Who is told what, and how it reads."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, get_args
from uuid import UUID

import pytest
from pydantic import ValidationError

from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    BookingNotesEdited,
    BookingRescheduled,
    BookingSubmitted,
    CancellationReason,
    Event,
    Slot,
)
from contracts.ids import new_id
from services.notifier.channels import Refused
from services.notifier.channels.mail import Mail
from services.notifier.facts import Booking, Person, fold
from services.notifier.ledger import Delivery, Entry, Key
from services.notifier.letters import EMAIL, IN_APP, LETTERS, channels_to, letters_about, pointless, silenced
from services.notifier.rendering import TEMPLATES, Rendered, Renderer
from services.notifier.settings import NotifierSettings

AT = datetime(2026, 10, 17, 4, 15, tzinfo=UTC)
BOOKING = Booking(new_id(), 3, "confirmed", new_id(), new_id(), new_id(), "plumbing", AT, Decimal("1500.00"), "NPR")
SITA = Person(BOOKING.customer, "Sita Rai", "sita@example.com", "en", "Asia/Kathmandu", active=True)
HARI = Person(BOOKING.provider, "Hari", "hari@example.com", "en", "Asia/Kathmandu", active=True)
NOTE = "Burst pipe <b>elsewhere</b>"
BOTH = ["customer", "provider"]
ENDINGS = [
    ("declined", "declined"),
    ("expired", "expired"),
    *((reason, "cancelled") for reason in get_args(CancellationReason) if reason not in {"declined", "expired"}),
]
RENDERER = Renderer("https://sewa.example/", "Asia/Kathmandu")


def cancelled(reason: CancellationReason, *, automatic: bool = False) -> BookingCancelled:
    return BookingCancelled(
        status="cancelled",
        previous_status="pending",
        cancellation_reason=reason,
        cancellation_note=NOTE,
        cancelled_by="system:expiry",
        cancelled_at=AT,
        auto_cancelled=automatic,
        expired_at=AT if automatic else None,
        booking_date=AT,
    )


def created() -> BookingCreated:
    return BookingCreated(
        status="created",
        customer=BOOKING.customer,
        provider=BOOKING.provider,
        service=BOOKING.service,
        category=BOOKING.category,
        booking_date=AT,
        duration_minutes=60,
        total_amount=BOOKING.total_amount,
    )


def delivery(template: str, *, channel: str = EMAIL, **change: Any) -> Delivery:
    """The first attempt at a letter about Sita's booking with Hari."""
    recipient = SITA if template.endswith("-customer") else HARI
    entry = Entry(Key(BOOKING.id, "event-1", recipient.id, channel, template), 3, "request-1")
    first = Delivery(entry, 1, False, BOOKING, SITA, HARI, "Tap repair")
    return replace(first, **change)


def render(template: str, **change: Any) -> Rendered:
    return RENDERER.render(delivery(template, **change))


def told(event: Event) -> list[tuple[str, str]]:
    return [(letter.template, letter.to) for letter in letters_about(event)]


def test_a_created_booking_is_confirmed_to_its_customer() -> None:
    assert told(created()) == [("created-customer", "customer")]


def test_the_provider_is_asked_once_the_booking_is_submitted() -> None:
    assert told(BookingSubmitted(status="pending")) == [("requested-provider", "provider")]


def test_an_accepted_booking_is_told_to_both() -> None:
    accepted = BookingAccepted(status="confirmed", booking_date=AT, ends_at=AT)
    assert told(accepted) == [("accepted-customer", "customer"), ("accepted-provider", "provider")]


@pytest.mark.parametrize(("reason", "occasion"), ENDINGS)
def test_whatever_ends_a_booking_both_hear_of_it(reason: CancellationReason, occasion: str) -> None:
    assert told(cancelled(reason)) == [(f"{occasion}-{role}", role) for role in BOTH]


def test_other_events_are_worth_no_letter() -> None:
    assert told(BookingNotesEdited(status="pending", notes="")) == []
    assert told(BookingCompleted(status="completed", completed_at=AT, captured=Decimal("0.00"), auto_confirmed=False)) == []


@pytest.mark.parametrize(("automatic", "on", "silent"), [(True, False, True), (True, True, False), (False, False, False)])
def test_only_automatic_cancellations_can_be_silenced(automatic: bool, on: bool, silent: bool) -> None:
    assert bool(silenced(cancelled("expired", automatic=automatic), auto_cancel_letters=on)) is silent


def test_people_without_an_address_have_only_the_app() -> None:
    assert channels_to(SITA) == (IN_APP, EMAIL)
    for person in (None, replace(SITA, email=None), replace(SITA, active=False)):
        assert channels_to(person) == (IN_APP,)


@pytest.mark.parametrize(("status", "reason"), [("pending", None), ("confirmed", "stale"), ("cancelled", "stale")])
def test_a_request_goes_stale_once_it_is_answered(status: str, reason: str | None) -> None:
    assert pointless(delivery("requested-provider", booking=replace(BOOKING, status=status))) == reason


def test_news_never_goes_stale() -> None:
    news = [template for template in LETTERS if template != "requested-provider"]
    assert all(pointless(delivery(template, booking=replace(BOOKING, status="completed"))) is None for template in news)


def test_an_erased_person_gets_no_mail() -> None:
    erased = Person(SITA.id, None, None, None, None, active=False)
    assert pointless(delivery("accepted-customer", customer=erased)) == "no-address"
    assert pointless(delivery("accepted-customer", channel=IN_APP, customer=erased)) is None


def test_a_booking_is_folded_from_its_events() -> None:
    later, before = AT + timedelta(days=1), Slot(booking_date=AT, duration_minutes=60)
    moved = BookingRescheduled(
        status="pending", booking_date=later, duration_minutes=60, ends_at=later + timedelta(hours=1), previous=before, moved_by="system:x"
    )
    booking: Booking | None = None
    for version, event in enumerate([created(), BookingSubmitted(status="pending"), moved, cancelled("expired", automatic=True)], 1):
        booking = fold(booking, BOOKING.id, version, event)
    whole = replace(BOOKING, version=4, status="cancelled", booking_date=later, cancellation_reason="expired", expired_at=AT)
    assert booking == replace(whole, cancellation_note=NOTE)


def test_every_letter_has_a_template_and_every_template_a_letter() -> None:
    assert {path.stem for path in (TEMPLATES / "en").glob("*.j2")} == set(LETTERS)


@pytest.mark.parametrize("template", LETTERS)
def test_every_letter_says_what_when_and_what_next(template: str) -> None:
    rendered = render(template)
    assert "Tap repair" in rendered.title
    for part in (rendered.text, rendered.html):
        assert "What happens next" in part
        assert f"https://sewa.example/bookings/{BOOKING.id}" in part


def test_times_are_those_of_the_recipients_clocks() -> None:
    at_home, in_lisbon = render("accepted-customer"), render("accepted-customer", customer=replace(SITA, timezone="Europe/Lisbon"))
    assert at_home.title == "Confirmed: Tap repair on Sat 17 Oct 2026, 10:00"
    assert "on Saturday 17 October 2026, 10:00 (UTC+05:45)" in " ".join(at_home.text.split())
    assert in_lisbon.title.endswith("Sat 17 Oct 2026, 05:15")
    assert "05:15 (UTC+01:00)" in " ".join(in_lisbon.text.split())


@pytest.mark.parametrize("occasion", ["declined", "cancelled", "expired"])
def test_a_customer_whose_booking_fell_through_can_book_again(occasion: str) -> None:
    link = f"https://sewa.example/bookings/{BOOKING.id}/rebook"
    assert f"Book again: {link}\n" in render(f"{occasion}-customer").text
    assert f'<a href="{link}">' in render(f"{occasion}-customer").html
    assert link not in render(f"{occasion}-provider").text


def test_the_reason_of_a_cancellation_is_told() -> None:
    late = replace(BOOKING, cancellation_reason="provider", expired_at=AT)
    assert "the provider cancelled it" in render("cancelled-customer", booking=late).text
    assert "you cancelled it" in render("cancelled-provider", booking=late).text
    assert "before Saturday 17 October 2026" in " ".join(render("expired-customer", booking=late).text.split())


def test_html_is_escaped_and_text_is_not() -> None:
    noted = replace(BOOKING, cancellation_note="<b>elsewhere</b>")
    rendered = render("declined-customer", booking=noted, provider=replace(HARI, name="<i>Hari</i>"))
    assert "<b>" not in rendered.html
    assert "<i>" not in rendered.html
    assert "“<b>elsewhere</b>”" in rendered.text


def test_a_customers_family_name_stays_private() -> None:
    text = render("requested-provider").text
    assert "Sita R. would like to book" in text
    assert "Rai" not in text


def test_a_language_without_templates_falls_back_to_english() -> None:
    assert render("accepted-customer", customer=replace(SITA, language="ne")) == render("accepted-customer")


async def sent(**change: Any) -> EmailMessage:
    """An e-mail as a mail program reads it."""
    kept: list[EmailMessage] = []

    async def transport(message: EmailMessage) -> None:
        kept.append(message)

    await Mail(RENDERER, "SewaBazaar <no-reply@sewa.example>", transport).send(delivery("accepted-customer", **change))
    return message_from_bytes(kept[0].as_bytes(), EmailMessage, policy=default)


async def test_names_cannot_inject_headers() -> None:
    evil = "Sita\r\nBcc: spy@example.com"
    message = await sent(customer=replace(SITA, name=evil), service=f"Tap\r\n{evil}", provider=replace(HARI, name=evil))
    assert message["Bcc"] is None
    assert str(message["To"]) == '"Sita Bcc: spy@example.com" <sita@example.com>'
    assert str(message["Subject"]).startswith("Confirmed: Tap Sita Bcc: spy@example.com on ")


async def test_every_attempt_has_the_same_message_id() -> None:
    first, again = await sent(), await sent(attempt=2)
    assert first["Message-ID"] == again["Message-ID"]
    assert UUID(str(first["Message-ID"]).strip("<>").removesuffix("@sewa.example")).version == 5


async def test_an_e_mail_has_a_text_and_an_html_part_with_short_lines() -> None:
    message = await sent(service="सेवा" * 200)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "सेवा" in plain.get_content()
    assert max(map(len, message.as_bytes().splitlines())) < 998


@pytest.mark.parametrize("address", ["two@at@example.com", "no at sign", "a@b\r\nBcc: c@d"])
async def test_what_cannot_be_an_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="bad-address"):
        await sent(customer=replace(SITA, email=address))


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://mail.example"},
        {"smtp_url": "smtp://mail.example:mail"},
        {"public_url": "sewa.example"},
        {"mail_from": "nobody"},
        {"mail_from": "Sewa <a@b>\r\nBcc: c@d"},
        {"timezone": "Nepal/Everest"},
    ],
)
def test_a_wrong_setting_stops_the_start(wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"database_url": "postgresql://localhost/x", "kafka": "localhost:9092"}
    NotifierSettings(**values)
    with pytest.raises(ValidationError):
        NotifierSettings(**values, **wrong)
