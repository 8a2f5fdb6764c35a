"""The play of `sewa demo`: what is said fits the rules, and what is seen is told once."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.events import BookingAccepted, BookingCreated, CancellationReason, DeliveryConfirmed, Event
from contracts.message import Message
from services.booking.decisions import cancelled
from services.cli.demo.audience import Audience, subject, told as in_words
from services.cli.demo.cast import cast_of
from services.cli.demo.play import ACTS
from services.cli.demo.script import AFTER, FATES, LINES, SLOTS, SOURCE, Story, lines, requests, stories
from services.cli.demo.show import evening_of
from tests.builders import BOOKING, CUSTOMER, NOW, SYSTEM, after, create, facts, record


def told(seed: int = 1) -> list[Story]:
    chance = random.Random(seed)
    return stories(cast_of(chance), chance, NOW)


def happens(story: Story, version: int, data: Event) -> Message[Event]:
    return Message(f"e-{version}", "sewabazaar/booking", str(story.id), NOW, SYSTEM, data, aggregate_version=version)


@pytest.fixture
def audience(tmp_path: Path) -> Audience:
    return Audience({story.id: story for story in told()}, tmp_path)


def test_every_fate_is_played_and_known_after_every_act() -> None:
    assert {story.fate for story in told()} == FATES.keys()
    assert all(fates.keys() == FATES.keys() for fates in AFTER.values())
    assert [act.name for act in ACTS] == list(AFTER)


def test_no_provider_is_in_two_places_at_once() -> None:
    for provider in {story.offer.provider for story in told()}:
        starts = sorted(story.starts for story in told() if story.offer.provider == provider)
        assert len(starts) == SLOTS
        assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(starts))


def test_people_speak_for_themselves() -> None:
    said = [*requests(told(), NOW), *(m for act in LINES for m in lines(act, told(), random.Random(1), NOW))]
    assert {message.actor.kind for message in said} == {"customer", "provider"}
    assert {message.source for message in said} == {SOURCE}


def test_the_day_begins_in_the_evening_in_kathmandu() -> None:
    assert evening_of(NOW).isoformat() == "2026-11-20T12:15:00+00:00"


def test_an_event_that_comes_again_is_told_once(audience: Audience) -> None:
    story = next(iter(audience.stories.values()))
    created = happens(story, 1, BookingCreated(status="created", **facts()))
    for event in (created, created):
        audience.hear(record(event))
    assert list(audience.said) == [f"{story.customer.name} asks {story.offer.provider.name} for: {story.offer.name}"]
    assert audience.counts == {"created": 1}


def test_what_is_not_yet_as_it_should_be_is_named(audience: Audience) -> None:
    story = replace(next(iter(audience.stories.values())), fate="done")
    audience.stories = {story.id: story}
    assert audience.missing("requests") == [f"booking {story.id}, done, is None and not pending"]
    audience.hear(record(happens(story, 1, BookingCreated(status="pending", **facts()))))
    assert audience.missing("requests") == []


def test_a_mail_is_shown_by_its_recipient_and_subject() -> None:
    mail = b"To: Sita Rai <sita@example.org>\nSubject: =?utf-8?b?4KSo4KSu4KS44KWN4KSk4KWH?=\n\nhello"
    assert subject(mail) == "Sita Rai: नमस्ते"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (BookingAccepted(status="confirmed", booking_date=NOW, ends_at=NOW), "accepts"),
        (DeliveryConfirmed(status="awaiting_confirmation", confirmed_by=str(CUSTOMER), rating=4, amount_due=Decimal(0)), "★★★★"),
    ],
)
def test_events_are_told_in_words(audience: Audience, event: Event, words: str) -> None:
    story = next(iter(audience.stories.values()))
    audience.hear(record(happens(story, 1, event)))
    assert words in audience.said[0]


@pytest.mark.parametrize(("reason", "words"), [("expired", "so the system"), ("declined", "declines"), ("customer", "calls it off")])
def test_a_cancellation_is_told_with_its_reason(reason: CancellationReason, words: str) -> None:
    booking = after(create(BOOKING))
    assert words in (in_words(told()[0], cancelled(booking, CUSTOMER, reason, NOW)) or "")
