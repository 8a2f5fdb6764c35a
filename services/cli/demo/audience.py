"""What has been seen of the play: the events as they come on the topic, told in words, and the letters that were sent."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contracts.events import (
    BookingAccepted,
    BookingCancelled,
    BookingCompleted,
    BookingCreated,
    DeliveryConfirmed,
    Event,
    PaymentRecorded,
    RebookingSuggested,
    ServiceDelivered,
)
from contracts.message import Message
from contracts.sources import Sources
from contracts.values import LATEST
from contracts.wire import decode
from services.cli.demo.script import Story

LAST = 6
POLL_MS = 100
WORDS: Mapping[type[Event], str] = {
    BookingCreated: "{customer} asks {provider} for: {service}",
    BookingAccepted: "{provider} accepts: {service} for {customer}",
    RebookingSuggested: "{customer} is offered something else instead of: {service} by {provider}",
    ServiceDelivered: "{provider} has done: {service} for {customer}",
    DeliveryConfirmed: "{customer} confirms it: {service} {stars}",
    PaymentRecorded: "{customer} has paid {event.captured} in {event.payment_method}",
    BookingCompleted: "completed: {service} by {provider} for {customer}",
}
CANCELLED: Mapping[str, str] = {
    "expired": "nobody acted, so the system cancels: {service} for {customer}",
    "declined": "{provider} declines: {service} for {customer}",
    "customer": "{customer} calls it off: {service} by {provider}",
    "no_show_customer": "{provider} found nobody at home: {service} for {customer}",
}


@dataclass(slots=True)
class Audience:
    """Sees the events of `stories` as they come, and the e-mails in `mail`."""

    stories: Mapping[UUID, Story]
    mail: Path
    versions: dict[UUID, int] = field(default_factory=dict)
    statuses: dict[UUID, str] = field(default_factory=dict)
    said: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    letters: deque[str] = field(default_factory=lambda: deque(maxlen=LAST // 2))
    _read: set[str] = field(default_factory=set)

    @property
    def counts(self) -> Counter[str]:
        """How many bookings have each status."""
        return Counter(self.statuses.values())

    @property
    def letters_sent(self) -> int:
        """How many e-mails there are."""
        return len(self._read)

    def missing(self, act: str) -> list[str]:
        """Return, in words, the bookings that have not yet the status that they are to have after `act`."""
        return [
            f"booking {story.id}, {story.fate}, is {self.statuses.get(story.id)} and not {story.after(act)}"
            for story in self.stories.values()
            if self.statuses.get(story.id) != story.after(act)
        ]

    async def look(self, consumer: AIOKafkaConsumer) -> None:
        """See what is new. Raises KafkaError."""
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                self.hear(record)
        self._open_mail()

    def hear(self, record: ConsumerRecord) -> None:
        """Take an event in; a repeated one says nothing new."""
        message = decode(record.topic, record.key, record.headers, record.value, sources=Sources(), host_now=LATEST)
        event = cast(Message[Event], message)
        booking, version = UUID(event.subject), event.aggregate_version or 0
        if booking not in self.stories or version <= self.versions.get(booking, 0):
            return
        self.versions[booking], self.statuses[booking] = version, event.data.status
        if words := told(self.stories[booking], event.data):
            self.said.append(words)

    def _open_mail(self) -> None:
        new = sorted(path for path in self.mail.glob("*.eml") if path.name not in self._read)
        self._read.update(path.name for path in new)
        self.letters += [subject(path.read_bytes()) for path in new[-LAST:]]


def subject(mail: bytes) -> str:
    """Return whom an e-mail goes to, and its subject."""
    message = cast(EmailMessage, message_from_bytes(mail, policy=cast(Any, modern)))
    return f"{message['To'].addresses[0].display_name}: {message['Subject']}"


def told(story: Story, event: Event) -> str | None:
    """Return an event in words, None where it is not worth any."""
    words = CANCELLED.get(event.cancellation_reason) if isinstance(event, BookingCancelled) else WORDS.get(type(event))
    names = {"customer": story.customer.name, "provider": story.offer.provider.name, "service": story.offer.name}
    return words and words.format(**names, event=event, stars="★" * (getattr(event, "rating", None) or 0))
