"""Requests to act on a real PostgreSQL: reminders, what makes them stale, and what an event leaves with its letters."""

from collections.abc import AsyncIterator, Sequence
from email.message import EmailMessage
from pathlib import Path

import pytest_asyncio

from contracts.deadlines import ScanHeld
from contracts.events import BookingNotesEdited, RebookingSuggested
from contracts.ids import new_id
from contracts.message import Message
from contracts.parts import Suggestion
from contracts.receipts import NotificationSent, NotificationSuppressed, Receipt
from contracts.values import Contract
from services.runtime.outcomes import Burial, Fate, Outcome, Received
from tests.builders import EXPIRY, record
from tests.integration.notifier_by_hand import HOUR, NOW, VISIT, Notifier, Story, opened, person


@pytest_asyncio.fixture
async def notifier(database_url: str, tmp_path: Path) -> AsyncIterator[Notifier]:
    async with opened(database_url, tmp_path) as composed:
        yield composed


async def requested(notifier: Notifier) -> Story:
    """A pending request whose letters are out."""
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created(), story.submitted())
    await notifier.delivers()
    return story


async def fates(notifier: Notifier, *messages: Message[Contract]) -> Sequence[Outcome]:
    worker = notifier.worker("notifier.deadlines")
    return await worker.settle([reading for m in messages if isinstance(reading := worker.read(record(m)), Received)])


async def receipts(notifier: Notifier, template: str) -> list[tuple[type[Receipt], str | None]]:
    return [(type(r), r.reason) for r in await notifier.receipts() if r.template == template and r.channel == "email"]


def plain(mail: EmailMessage) -> str:
    """The text of a mail, without its line breaks."""
    body = mail.get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


SENT, STALE = (NotificationSent, None), (NotificationSuppressed, "stale")


async def test_a_reminder_goes_to_the_provider_and_the_first_one_to_the_customer_too(notifier: Notifier) -> None:
    story = await requested(notifier)
    for hours, mails in ((24, 2), (2, 3)):
        await notifier.hears(story.reminder(2, hours))
        await notifier.delivers()
        assert len([m for m in notifier.mails() if "yet" in m["Subject"] or "Still" in m["Subject"]]) == mails
    assert await receipts(notifier, "reminder-provider") == [SENT] * 2
    assert await receipts(notifier, "reminder-customer") == [SENT]


async def test_the_receipt_of_a_reminder_names_the_reminder(notifier: Notifier) -> None:
    story = await requested(notifier)
    reminder = story.reminder(2)
    await notifier.hears(reminder)
    await notifier.delivers()
    (receipt, *_) = [m for m in await notifier.published() if getattr(m.data, "template", "") == "reminder-provider"]
    assert (receipt.causation_id, receipt.causation_source) == (reminder.id, "sewabazaar/expiry")
    assert isinstance(receipt.data, Receipt)
    assert (receipt.data.event_id, receipt.data.booking_version) == (reminder.id, 2)


async def test_a_reminder_says_when_the_request_lapses_in_mail_and_app(notifier: Notifier) -> None:
    story = await requested(notifier)
    await notifier.hears(story.reminder(2))
    await notifier.delivers()
    (mail,) = [m for m in notifier.mails() if m["Subject"].startswith("Still to be answered")]
    assert "It lapses on Sunday 18 October 2026, 10:00 (UTC+05:45)." in plain(mail)
    kept = await notifier.query("select facts->'details'->>'expires_at' from notifier.letters where template = 'reminder-provider'")
    assert kept == [("2026-10-18T04:15:00Z",)]


async def test_a_reminder_that_comes_again_sends_nothing(notifier: Notifier) -> None:
    story = await requested(notifier)
    reminder = story.reminder(2)
    assert await fates(notifier, reminder) == [Fate.HANDLED]
    await notifier.delivers()
    assert await fates(notifier, reminder) == [Fate.DUPLICATE]
    await notifier.delivers()
    assert await receipts(notifier, "reminder-provider") == [SENT]


async def test_of_reminders_that_come_late_together_the_last_one_counts(notifier: Notifier) -> None:
    story = await requested(notifier)
    assert await fates(notifier, story.reminder(2, 24), story.reminder(2, 2)) == [Fate.HANDLED, Fate.HANDLED]
    await notifier.delivers()
    assert await receipts(notifier, "reminder-provider") == await receipts(notifier, "reminder-customer") == [STALE, SENT]


async def test_reminders_that_came_together_send_nothing_when_they_come_again_one_by_one(notifier: Notifier) -> None:
    story = await requested(notifier)
    reminders = [story.reminder(2, 24), story.reminder(2, 2)]
    assert await fates(notifier, *reminders, reminders[0]) == [Fate.HANDLED, Fate.HANDLED, Fate.DUPLICATE]
    await notifier.delivers()
    told = await notifier.receipts()
    for reminder in reminders:
        assert await fates(notifier, reminder) == [Fate.DUPLICATE]
    await notifier.delivers()
    assert await notifier.receipts() == told


async def test_a_reminder_is_stale_once_the_request_is_answered_moved_or_over(notifier: Notifier) -> None:
    answered, moved, lapsed, edited = [await requested(notifier) for _ in range(4)]
    await notifier.hears(*(story.reminder(2) for story in (answered, moved, lapsed, edited)))
    await notifier.hears(answered.accepted(), moved.moved(), edited.happens(BookingNotesEdited(status="pending", notes="")))
    await notifier.query(f"update notifier.deliveries set next_attempt_at = 'infinity' where booking = '{lapsed.id}' and state = 'pending'")
    await notifier.delivers()
    await notifier.passes()
    await notifier.delivers(VISIT + 24 * HOUR)
    assert sorted(await receipts(notifier, "reminder-provider"), key=str) == sorted([STALE, STALE, STALE, SENT], key=str)


async def test_a_reminder_of_a_request_that_was_moved_before_is_told_anew_to_the_customer(notifier: Notifier) -> None:
    story = await requested(notifier)
    await notifier.hears(story.reminder(2))
    await notifier.hears(story.moved())
    await notifier.hears(story.reminder(3))
    await notifier.delivers()
    assert await receipts(notifier, "reminder-customer") == [STALE, SENT]


async def test_of_two_moves_only_the_last_asks_the_provider(notifier: Notifier) -> None:
    story = await requested(notifier)
    await notifier.hears(story.moved(), story.moved(VISIT + 2 * HOUR))
    await notifier.delivers()
    assert await receipts(notifier, "moved-request-provider") == [STALE, SENT]
    assert await receipts(notifier, "moved-customer") == [SENT, SENT]


async def test_a_reminder_of_an_unknown_booking_is_buried_and_a_held_scan_ignored(notifier: Notifier) -> None:
    story, scan = await requested(notifier), new_id()
    held = Message(str(scan), "sewabazaar/expiry", str(scan), NOW, EXPIRY, ScanHeld(scan_id=scan, found=9, limit=5, as_of=NOW))
    unknown, unchanged, handled = await fates(notifier, Story().reminder(2), held, story.reminder(2))
    assert isinstance(unknown, Burial)
    assert (unknown.reason, unchanged, handled) == ("orphan", Fate.UNCHANGED, Fate.HANDLED)


async def test_reminders_go_out_though_auto_cancel_letters_are_silenced(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path, auto_cancel_notification=False) as silent:
        story = await requested(silent)
        await silent.hears(story.reminder(2))
        await silent.delivers()
        assert await receipts(silent, "reminder-provider") == [SENT]


async def test_every_refund_letter_has_its_own_amount(notifier: Notifier) -> None:
    story = await requested(notifier)
    refunds = [story.paid("RefundSettled", amount, payment_status="partially_refunded") for amount in ("100.00", "250.50")]
    await notifier.hears(*refunds)
    await notifier.delivers()
    texts = sorted(plain(m).partition("you have ")[2] for m in notifier.mails() if m["Subject"].startswith("Refunded"))
    assert [text.partition(" What")[0] for text in texts] == ["got back NPR 100.00.", "got back NPR 250.50."]


async def test_suggestions_name_the_providers_who_are_known_when_they_are_sent(notifier: Notifier) -> None:
    story, maya = await requested(notifier), new_id()
    await notifier.hears(person(maya, "Maya Gurung"))
    free = {"booking_date": VISIT + HOUR, "ends_at": VISIT + 2 * HOUR, "total_amount": "900.00"}
    offers = [
        Suggestion.model_validate({"kind": "other_provider", "provider": who, "service": new_id(), "rank": rank, **free}, strict=False)
        for rank, who in enumerate((maya, new_id()), 1)
    ]
    await notifier.hears(story.happens(RebookingSuggested(status="pending", suggestions=tuple(offers))))
    await notifier.delivers()
    (mail,) = [m for m in notifier.mails() if m["Subject"].startswith("Free times")]
    when = "- Saturday 17 October 2026, 11:00 (UTC+05:45):"
    assert f"{when} Maya G., NPR 900.00 {when} another provider, NPR 900.00 What happens next" in plain(mail)
