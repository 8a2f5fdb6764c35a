"""What is played: the fate of every booking, the lines that bring it about, and the status that it is to have after each act."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.actors import Actor
from contracts.commands import (
    AcceptBooking,
    CancelBooking,
    Command,
    ConfirmDelivery,
    CreateBooking,
    DeclineBooking,
    DeliverService,
    MarkNoShow,
)
from contracts.events import Status
from contracts.ids import new_id
from contracts.message import Message
from services.cli.demo.cast import Cast, Offer, Person

SOURCE = "demo"
Fate = Literal["done", "declined", "called off", "unanswered", "forgotten", "missed"]
FATES: Mapping[Fate, int] = {"done": 11, "unanswered": 4, "forgotten": 2, "declined": 2, "called off": 2, "missed": 1}
SLOTS = 10
LINES: Mapping[str, Mapping[Fate, tuple[str, ...]]] = {
    "answers": {
        "done": ("accept",),
        "forgotten": ("accept",),
        "missed": ("accept",),
        "declined": ("decline",),
        "called off": ("accept", "call off"),
    },
    "work": {"done": ("deliver", "confirm"), "missed": ("miss",)},
    "lapse": {},
}
AFTER: Mapping[str, Mapping[Fate, Status]] = {
    "requests": dict.fromkeys(FATES, "pending"),
    "answers": {
        **dict.fromkeys(FATES, "confirmed"),
        "unanswered": "pending",
        "declined": "cancelled",
        "called off": "cancelled",
    },
    "work": {
        **dict.fromkeys(FATES, "cancelled"),
        "done": "completed",
        "unanswered": "pending",
        "forgotten": "confirmed",
    },
    "lapse": {**dict.fromkeys(FATES, "cancelled"), "done": "completed"},
}


@dataclass(frozen=True, slots=True)
class Story:
    """One booking and what becomes of it."""

    id: UUID
    customer: Person
    offer: Offer
    starts: datetime
    fate: Fate

    def after(self, act: str) -> Status:
        """Return the status at the end of `act`."""
        return AFTER[act][self.fate]


def stories(cast: Cast, chance: random.Random, opens: datetime) -> list[Story]:
    """Return a day's bookings in the order they are made in: every provider has `SLOTS` hours, one after the other from `opens`."""
    fates = chance.choices(list(FATES), weights=list(FATES.values()), k=SLOTS * len(cast.offers))
    hours = [(offer, opens + timedelta(hours=n)) for offer in cast.offers for n in range(SLOTS)]
    told = [Story(new_id(), chance.choice(cast.customers), *hour, fate) for hour, fate in zip(hours, fates, strict=True)]
    chance.shuffle(told)
    return told


def requests(told: Sequence[Story], now: datetime) -> Iterator[Message[Command]]:
    """Yield the creation of each booking."""
    for story in told:
        offer = story.offer
        facts = CreateBooking(
            customer=story.customer.id,
            provider=offer.provider.id,
            service=offer.id,
            category=offer.category,
            booking_date=story.starts,
            duration_minutes=60,
            total_amount=offer.price,
        )
        yield _said(story, story.customer.actor, facts, now)


def lines(act: str, told: Sequence[Story], chance: random.Random, now: datetime) -> Iterator[Message[Command]]:
    """Yield what people say in `act`."""
    for story in told:
        for word in LINES[act].get(story.fate, ()):
            yield _said(story, *_spoken(word, story, chance), now)


def _spoken(word: str, story: Story, chance: random.Random) -> tuple[Actor, Command]:
    customer, provider = story.customer.actor, story.offer.provider.actor
    match word:
        case "accept":
            return provider, AcceptBooking()
        case "decline":
            return provider, DeclineBooking(reason="fully booked")
        case "call off":
            return customer, CancelBooking(reason="plans have changed")
        case "deliver":
            return provider, DeliverService(photos=())
        case "confirm":
            return customer, ConfirmDelivery(rating=chance.choice((3, 4, 4, 5, 5, 5)))
        case _:
            return provider, MarkNoShow()


def _said(story: Story, actor: Actor, data: Command, now: datetime) -> Message[Command]:
    return Message(id=str(new_id()), source=SOURCE, subject=str(story.id), time=now, actor=actor, data=data)
