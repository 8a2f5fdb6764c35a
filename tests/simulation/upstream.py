"""Everybody who sends: mostly a sensible next message, sometimes one out of turn, again, unreadable, or under a name that is taken."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from contracts.message import Message
from contracts.topics import BOOKING_EVENTS
from tests import builders
from tests.simulation import gateway, talk
from tests.simulation.broker import Log
from tests.simulation.people import CUSTOMERS, PROVIDERS, Story, introductions, meet, policy

BOOKINGS, OFFICE = 3, "office"
AGAIN, GARBLED, ODD, RULED, PAID = 0.13, 0.17, 0.2, 0.23, 0.36
NEXT, FITS, ODD_MONEY = 0.55, 0.85, 0.3


@dataclass
class Upstream:
    """People, their shop and the gateway of a history."""

    chance: Random
    log: Log
    new_id: Callable[[], UUID]
    stories: list[Story] = field(default_factory=list)
    sent: list[Message[Any]] = field(default_factory=list)
    policies: int = 0

    def invite(self, now: datetime) -> None:
        """Tell the directory who there is and what they offer, and think of bookings."""
        for message in introductions(now):
            self._send(message)
        for _ in range(BOOKINGS):
            chance = self.chance
            self.stories.append(
                Story(
                    self.new_id(),
                    chance.choice(CUSTOMERS),
                    chance.choice(PROVIDERS),
                    prepaid=chance.random() < 0.3,
                    photos=chance.random() < 0.2,
                )
            )

    def say(self, now: datetime) -> str:
        """Send something, and return what."""
        odds, story = self.chance.random(), self.chance.choice(self.stories)
        if odds < ODD and self.sent:
            return self._odd(odds, story, now)
        if odds < RULED:
            return self._rule(now)
        if settlement := gateway.settle(story, self.log, self.chance):
            return self.tell(settlement, now)
        if odds < PAID and story.told and (story.prepaid or self.chance.random() < ODD_MONEY):
            return self.tell(gateway.say(story, self.chance), now)
        if story.visit is None:
            meet(self.stories, story, now, self.chance)
        if story.prepaid and story.told and not story.authorized:
            return self.tell(gateway.secure(story), now)
        return self.tell(self._told(story, now), now)

    def _odd(self, odds: float, story: Story, now: datetime) -> str:
        if odds < AGAIN:
            return "again " + self._send(self.chance.choice(self.sent))
        return self._garble(story, now) if odds < GARBLED else self._pose(story, now)

    def _told(self, story: Story, now: datetime) -> Message[Any]:
        odds = self.chance.random()
        if odds < NEXT and (told := talk.in_turn(story, now, self.chance)):
            return told
        return talk.fitting(story, self._status(story), now, self.chance) if odds < FITS else talk.anything(story, now, self.chance)

    def _status(self, story: Story) -> str:
        """Return what the last event that was published says."""
        said = [record for record in self.log.topic(BOOKING_EVENTS.name) if record.key == str(story.id).encode()]
        return str(json.loads(said[-1].value)["status"]) if said else ""

    def hurry(self, story: Story, now: datetime) -> None:
        """Have the provider take the booking, or put it off a little."""
        hurried = self.chance.choice([talk.SAYINGS["accept"], talk.put_off])
        self.tell(hurried(story, now, self.chance), now)

    def reinstate(self, story: Story, now: datetime) -> str:
        """Have an admin override what the booking is."""
        return self.tell(talk.SAYINGS["override"](story, now, self.chance), now)

    def tell(self, message: Message[Any], now: datetime) -> str:
        """Send a new message."""
        self.sent.append(replace(message, id=f"c-{len(self.sent)}", time=now))
        return self._send(self.sent[-1])

    def _garble(self, story: Story, now: datetime) -> str:
        message = replace(talk.SAYINGS["accept"](story, now, self.chance), id=f"junk-{self.log.size()}", time=now)
        self.log.append(message.topic, message.key(), b"{", message.headers())
        return f"garble {message.id}"

    def _pose(self, story: Story, now: datetime) -> str:
        """Send another message under the id of one that was sent before."""
        posed = self.chance.choice([message for message in self.sent if message.source != OFFICE] or self.sent)
        return "posing " + self._send(replace(talk.anything(story, now, self.chance), id=posed.id, source=posed.source, time=now))

    def _rule(self, now: datetime) -> str:
        """Have an admin announce another policy, in time for what is under way to end before."""
        self.policies += 1
        data = policy(self.policies, now, self.chance)
        return self.tell(Message("", OFFICE, data.category, now, builders.ADMIN, data), now)

    def _send(self, message: Message[Any]) -> str:
        self.log.append(message.topic, message.key(), message.value(), message.headers())
        return f"{message.name} {message.id}"
