"""How letters read: complete in every language, on the recipient's clock, and safe whatever people are called."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, meta, nodes

from contracts.events import BookingCompleted, BookingNotesEdited, ConfirmationRequested, DeliveryConfirmed, RebookingSuggested, Status
from contracts.values import Contract
from services.notifier.facts import Booking
from services.notifier.letters import LETTERS
from services.notifier.rendering import TEMPLATES, Rendered
from services.notifier.wording import STYLES, Wording
from tests.unit.letter_samples import AT, BOOKING, HARI, MAYA, NOTE, SITA, cancelled, moved, overridden, paid, render, suggestion

NEPALI = [replace(SITA, name="सीता राई", language="ne"), replace(HARI, name="हरि", language="ne"), replace(MAYA, name="माया गुरुङ")]
EVENTS: Mapping[str, Sequence[Contract]] = {
    "moved-customer": [moved("confirmed"), moved("pending", "customer"), moved("confirmed", "admin")],
    "notes-provider": [BookingNotesEdited(status="confirmed", notes="")],
    "suggested-customer": [RebookingSuggested(status="confirmed", suggestions=(suggestion(1),))],
    "delivered-customer": [ConfirmationRequested(status="awaiting_confirmation", amount_due=Decimal("0.00"), currency="NPR")],
    "delivery-confirmed-provider": [
        DeliveryConfirmed(status="awaiting_confirmation", confirmed_by="system:booking", amount_due=Decimal("0.00"))
    ],
    "completed-customer": [BookingCompleted(status="completed", completed_at=AT, captured=Decimal("0.00"), auto_confirmed=True)],
    "payment-failed-customer": [paid("PaymentFailed", amount=None, terminal=True)],
    "refunded-customer": [paid("RefundSettled", amount=None)],
}
REASONS = ["customer", "provider", "admin", "maintenance", "payment-failed", "no_show_customer", "no_show_provider", None]
STATES: list[Status] = ["created", "pending", "confirmed", "awaiting_confirmation", "completed", "cancelled"]


def parsed(language: str, name: str) -> nodes.Template:
    return Environment(autoescape=True).parse((TEMPLATES / language / name).read_text(encoding="utf-8"))


def shape(language: str, name: str) -> tuple[list[str], set[str], list[str]]:
    """The blocks of a template, the variables it needs, and the keys it chooses words by."""
    template = parsed(language, name)
    keys = sorted(str(key.value) for pair in template.find_all(nodes.Pair) if isinstance(key := pair.key, nodes.Const))
    return [block.name for block in template.find_all(nodes.Block)], meta.find_undeclared_variables(template), keys


def variants(template: str) -> list[Rendered]:
    """A letter in Nepali in all the ways that it can turn out."""
    bookings = [replace(BOOKING, status=status, cancellation_reason=reason, expired_at=AT) for status in STATES for reason in REASONS]
    noted = [replace(booking, cancellation_note="हुँदैन") for booking in bookings[:1]]
    usual = [render(template, booking=b, people=tuple(NEPALI), service="धारा मर्मत") for b in bookings + noted]
    others = [render(template, event=e, people=tuple(NEPALI), service="धारा मर्मत") for e in EVENTS.get(template, [])]
    return usual + others


def words(rendered: Rendered) -> str:
    """What a reader sees of both parts, without addresses, the name of the house and what people wrote in English."""
    seen = "\n".join((rendered.title, rendered.text, unescape(re.sub(r"<[^>]+>", " ", rendered.html))))
    for known in (NOTE, "Both agreed on the phone", "SewaBazaar"):
        seen = re.sub(r"\s+".join(map(re.escape, known.split())), "", seen)
    return re.sub(r"https://\S+", "", seen)


def test_every_language_has_the_templates_of_every_letter_and_no_others() -> None:
    assert {path.name for path in TEMPLATES.iterdir()} == STYLES.keys()
    for language in STYLES:
        assert {path.name for path in (TEMPLATES / language).iterdir()} == {
            "letter.txt",
            "letter.html",
            *(f"{name}.j2" for name in LETTERS),
        }


@pytest.mark.parametrize("name", ["letter.txt", "letter.html", *(f"{name}.j2" for name in sorted(LETTERS))])
def test_translations_have_the_same_blocks_variables_and_choices(name: str) -> None:
    assert shape("ne", name) == shape("en", name)


@pytest.mark.parametrize("template", sorted(LETTERS))
def test_nepali_letters_have_no_english_word_and_no_western_digit(template: str) -> None:
    assert {found for rendered in variants(template) for found in re.findall(r"[A-Za-z0-9]+", words(rendered))} == set()


@pytest.mark.parametrize("language", STYLES)
@pytest.mark.parametrize("template", sorted(LETTERS))
def test_every_letter_says_what_and_why_what_next_and_where(template: str, language: str) -> None:
    rendered = render(template, people=(replace(SITA, language=language), replace(HARI, language=language)))
    assert "Tap repair" in rendered.title
    for part in (rendered.text, rendered.html):
        assert {"en": "What happens next:", "ne": "अब के हुन्छ:"}[language] in part
        assert f"https://sewa.example/bookings/{BOOKING.id}" in part
        assert "Tap repair" in part
        assert "None" not in part


@pytest.mark.parametrize("template", sorted(LETTERS))
def test_a_customer_whose_booking_fell_through_can_book_again_and_nobody_else(template: str) -> None:
    link = f"https://sewa.example/bookings/{BOOKING.id}/rebook"
    offered = template in {f"{occasion}-customer" for occasion in ("declined", "cancelled", "expired", "suggested", "reminder")}
    assert (f"Book again: {link}\n" in render(template).text, f'<a href="{link}">' in render(template).html) == (offered, offered)


def test_times_are_those_of_the_recipients_clocks() -> None:
    at_home, in_lisbon = render("accepted-customer"), render("accepted-customer", people=(replace(SITA, timezone="Europe/Lisbon"),))
    assert at_home.title == "Confirmed: Tap repair on Sat 17 Oct 2026, 10:00"
    assert "on Saturday 17 October 2026, 10:00 (UTC+05:45)" in flat(at_home.text)
    assert in_lisbon.title.endswith("Sat 17 Oct 2026, 05:15")
    assert "05:15 (UTC+01:00)" in flat(in_lisbon.text)


def test_winter_and_summer_time_are_told_apart_in_both_languages() -> None:
    new_york = ZoneInfo("America/New_York")
    english, nepali = Wording("en", new_york), Wording("ne", new_york)
    assert english.in_full(AT) == "Saturday 17 October 2026, 00:15 (UTC-04:00)"
    assert english.in_full(AT + timedelta(days=30)) == "Sunday 15 November 2026, 23:15 (UTC-05:00)"
    assert nepali.in_full(AT + timedelta(days=30)) == "आइतबार, १५ नोभेम्बर २०२६, २३:१५ (यूटीसी-०५:००)"


def test_nepali_letters_have_nepali_dates_and_amounts() -> None:
    rendered = render("accepted-customer", people=tuple(NEPALI))
    assert rendered.title == "पुष्टि भयो: Tap repair, शनि, १७ अक्टोबर २०२६, १०:००"
    assert "हरिले तपाईंको Tap repair को बुकिङ स्वीकार गर्नुभएको छ।" in flat(rendered.text)
    assert "समय: शनिबार, १७ अक्टोबर २०२६, १०:०० (यूटीसी+०५:४५)। रकम: रु. १,५००.००।" in flat(rendered.text)
    assert "नमस्ते सीता राई" in rendered.text
    assert '<html lang="ne">' in rendered.html


def test_amounts_are_grouped_as_the_language_does_and_stay_on_one_line() -> None:
    kathmandu, amount = ZoneInfo("Asia/Kathmandu"), Decimal("1234567.50")
    assert Wording("en", kathmandu).money(amount, "NPR") == "NPR\N{NO-BREAK SPACE}1,234,567.50"
    assert Wording("ne", kathmandu).money(amount, "NPR") == "रु.\N{NO-BREAK SPACE}१२,३४,५६७.५०"
    assert Wording("ne", kathmandu).money(amount, "USD") == "USD\N{NO-BREAK SPACE}१२,३४,५६७.५०"


def test_suggestions_are_listed_in_their_order_with_time_provider_and_price() -> None:
    rendered = render("suggested-customer", people=(replace(SITA, timezone="Europe/Lisbon"),))
    lines = [
        "Sunday 18 October 2026, 05:15 (UTC+01:00): Hari, NPR 1,400.00",
        "Monday 19 October 2026, 05:15 (UTC+01:00): Maya G., NPR 1,400.00",
    ]
    assert [line for line in map(flat, rendered.text.splitlines()) if line.startswith("- ")] == [f"- {line}" for line in lines]
    assert all(f"<li>{line}</li>" in flat(rendered.html) for line in lines)


@pytest.mark.parametrize(
    ("template", "booking", "told"),
    [
        ("cancelled-customer", replace(BOOKING, cancellation_reason="provider"), "the provider cancelled it"),
        ("cancelled-provider", replace(BOOKING, cancellation_reason="provider"), "you cancelled it"),
        ("cancelled-customer", replace(BOOKING, cancellation_reason="no_show_provider"), "the provider did not come"),
        ("cancelled-customer", replace(BOOKING, cancellation_reason="payment-failed"), "the payment could not be authorised"),
        ("expired-customer", replace(BOOKING, expired_at=AT), "before Saturday 17 October 2026, 10:00"),
        ("moved-customer", replace(BOOKING, status="pending"), "Hari is asked to accept the new time"),
        ("moved-request-provider", BOOKING, "no longer on Friday 16 October 2026, 10:00 (UTC+05:45). The customer moved it."),
        ("delivered-customer", BOOKING, "Without an answer it counts as confirmed on Tuesday 20 October 2026, 10:00 (UTC+05:45)."),
        ("reminder-provider", BOOKING, "It lapses on Sunday 18 October 2026, 10:00 (UTC+05:45)."),
        ("reminder-customer", BOOKING, "Without an answer it is cancelled automatically on Sunday 18 October 2026, 10:00 (UTC+05:45)."),
        ("overridden-customer", replace(BOOKING, status="completed"), "it is now complete. The reason given: “Both agreed on the phone”"),
        ("refunded-customer", BOOKING, "you have got back NPR 1,234.50."),
        ("payment-failed-customer", BOOKING, "we try again by ourselves"),
        ("completed-customer", BOOKING, "Paid: NPR 1,500.00."),
        ("reviewed-provider", BOOKING, "5 of 5. The review says: “Burst pipe <b>elsewhere</b>”"),
    ],
)
def test_a_letter_tells_what_its_reader_needs(template: str, booking: Booking, told: str) -> None:
    assert told in flat(render(template, booking=booking).text)


def test_a_payment_that_failed_for_good_is_said_to_have() -> None:
    assert "it is not tried again" in render("payment-failed-customer", event=paid("PaymentFailed", terminal=True)).text


@pytest.mark.parametrize("status", ["pending", "awaiting_confirmation"])
def test_whoever_has_to_act_after_an_override_is_told_so(status: Status) -> None:
    templates = {"pending": "overridden-provider", "awaiting_confirmation": "overridden-customer"}
    acts = {"pending": "accept or decline", "awaiting_confirmation": "confirm on the page"}
    rendered = render(templates[status], booking=replace(BOOKING, status=status), event=overridden(status))
    assert acts[status] in flat(rendered.text)


def test_html_is_escaped_and_text_is_not() -> None:
    noted = replace(BOOKING, cancellation_note="<b>elsewhere</b>")
    rendered = render("declined-customer", booking=noted, people=(replace(HARI, name="<i>Hari</i>"),))
    assert "<b>" not in rendered.html
    assert "<i>" not in rendered.html
    assert "“<b>elsewhere</b>”" in rendered.text


@pytest.mark.parametrize("template", sorted(LETTERS))
def test_nothing_that_people_wrote_or_are_called_is_markup(template: str) -> None:
    strange = [replace(person, name="<script>x</script> <script>") for person in (SITA, HARI, MAYA)]
    booking = replace(BOOKING, cancellation_note="<script>", cancellation_reason=cancelled("declined").cancellation_reason)
    assert "<script>" not in render(template, booking=booking, people=tuple(strange), service="<script>").html
    assert "<b>" not in render(template, booking=booking).html


def test_a_customers_family_name_stays_private() -> None:
    text = render("requested-provider").text
    assert "Sita R. would like to book" in text
    assert "Rai" not in text


def test_in_a_language_that_nobody_has_translated_letters_are_english() -> None:
    assert render("accepted-customer", people=(replace(SITA, language="mai"),)) == render("accepted-customer")


def flat(text: str) -> str:
    return " ".join(text.split())
