"""What people and upstream services send: mostly a sensible next command, sometimes one out of turn, twice, or unreadable."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from contracts.actors import Actor
from contracts.directory import PersonUpserted
from contracts.message import Message
from tests import builders, payment_facts
from tests.simulation.broker import Log

HOUR = timedelta(hours=1)
VISITS = (-30, -20, -1, 1, 1, 30)
GATEWAY = Actor("upstream", "gateway")
Tell = Callable[["Story", datetime, Random], Message[Any]]


def person(kind: Any, number: int) -> Actor:
    """Return the customer or provider of a number."""
    return Actor(kind, str(UUID(int=number << 80 | 0x4 << 76 | 0b10 << 62 | number)))


CUSTOMERS = [person("customer", 0x10 + n) for n in range(3)]
PROVIDERS = [person("provider", 0x20 + n) for n in range(2)]


@dataclass
class Story:
    """A booking to be, and how far its people think it is."""

    id: UUID
    customer: Actor
    provider: Actor
    prepaid: bool
    told: int = 0


def _create(story: Story, now: datetime, chance: Random) -> Message[Any]:
    facts: dict[str, Any] = {
        "booking_date": now + chance.choice(VISITS) * HOUR,
        "customer": UUID(story.customer.id),
        "provider": UUID(story.provider.id),
    }
    paying: dict[str, Any] = {"prepaid": True, "payment_method": "sandbox"} if story.prepaid else {}
    return builders.create(story.id, **facts, **paying)


def _authorized(story: Story, _now: datetime, _chance: Random) -> Message[Any]:
    return replace(payment_facts.authorized(story.id, reference=f"a-{story.id}"), actor=GATEWAY, source="gateway")


def _captured(story: Story, _now: datetime, chance: Random) -> Message[Any]:
    half = payment_facts.captured(story.id, Decimal("750.00"), reference=f"{chance.choice('cd')}-{story.id}")
    return replace(half, actor=GATEWAY, source="gateway")


def _put_off(story: Story, now: datetime, _chance: Random) -> Message[Any]:
    return builders.reschedule(story.id, story.provider, now - HOUR)


USUAL: tuple[Tell, ...] = (
    _create,
    lambda s, _n, _c: builders.accept(s.id, s.provider),
    lambda s, _n, _c: builders.deliver(s.id, s.provider),
    lambda s, _n, c: builders.confirm(s.id, s.customer, rating=c.randint(1, 5)),
    lambda s, _n, _c: builders.review(s.id, s.customer),
)
UNUSUAL: tuple[Tell, ...] = (
    *USUAL,
    _authorized,
    _captured,
    lambda s, _n, _c: builders.cancel(s.id, s.customer),
    lambda s, _n, _c: builders.cancel(s.id, s.provider),
    lambda s, _n, _c: builders.decline(s.id, s.provider),
    lambda s, n, c: builders.reschedule(s.id, s.customer, n + c.choice(VISITS) * HOUR),
    lambda s, n, c: builders.reschedule(s.id, s.provider, n + c.choice(VISITS) * HOUR),
    lambda s, _n, c: builders.edit_notes(s.id, s.customer, c.choice(["ring twice", "the blue door"])),
    lambda s, _n, _c: builders.dispute(s.id, s.customer),
    lambda s, _n, _c: builders.complete(s.id, s.provider),
    lambda s, _n, _c: builders.no_show(s.id, s.provider),
    lambda s, _n, c: builders.maintain(s.id, version=c.randint(2, 4)),
    lambda s, _n, c: builders.override(s.id, c.choice(["pending", "confirmed", "completed", "cancelled"])),
    lambda s, _n, _c: builders.accept(s.id, builders.RIVAL),
)


@dataclass
class Upstream:
    """Everybody who sends."""

    chance: Random
    log: Log
    stories: list[Story] = field(default_factory=list)
    sent: list[Message[Any]] = field(default_factory=list)

    def invite(self, now: datetime) -> None:
        """Tell the directory who there is."""
        for n, who in enumerate((*CUSTOMERS, *PROVIDERS)):
            data = PersonUpserted(id=UUID(who.id), role=who.kind, name=f"Person {n}", email=f"person{n}@example.com", active=True)  # type: ignore[arg-type]
            self._send(Message(f"p-{n}", "people", f"person:{who.id}", now, Actor("upstream", "people"), data))

    def begin(self, booking: UUID) -> None:
        """Think of a booking."""
        prepaid = self.chance.random() < 0.25
        self.stories.append(Story(booking, self.chance.choice(CUSTOMERS), self.chance.choice(PROVIDERS), prepaid))

    def say(self, now: datetime) -> str:
        """Send something, and return what."""
        odds = self.chance.random()
        if odds < 0.15 and self.sent:
            return "again " + self._send(self.chance.choice(self.sent))
        if odds < 0.2:
            return self._garble(now)
        story = self.chance.choice(self.stories)
        if odds < 0.7 and story.told < len(USUAL):
            story.told += 1
            tell = USUAL[story.told - 1]
        else:
            tell = self.chance.choice(UNUSUAL)
        return self._new(tell(story, now, self.chance), now)

    def hurry(self, story: Story, now: datetime) -> None:
        """Have the provider take the booking, or put it off a little."""
        tell = self.chance.choice([USUAL[1], _put_off])
        self._new(tell(story, now, self.chance), now)

    def _new(self, message: Message[Any], now: datetime) -> str:
        self.sent.append(replace(message, id=f"c-{len(self.sent)}", time=now))
        return self._send(self.sent[-1])

    def _garble(self, now: datetime) -> str:
        story = self.chance.choice(self.stories)
        message = replace(builders.accept(story.id, story.provider), id=f"junk-{self.log.size()}", time=now)
        self.log.append(message.topic, message.key(), b"{", message.headers())
        return f"garble {message.id}"

    def _send(self, message: Message[Any]) -> str:
        self.log.append(message.topic, message.key(), message.value(), message.headers())
        return f"{message.name} {message.id}"
