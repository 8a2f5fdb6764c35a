"""The acts in their order: how far the clock is moved, what is said, and what has to be seen before the next one begins."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer

from contracts.cloudevents import Outgoing
from contracts.message import Message
from contracts.values import Contract
from services.cli.demo.audience import Audience
from services.cli.demo.screen import Scene
from services.cli.demo.script import lines, requests
from services.cli.demo.stage import Stage
from services.cli.sending import Sender
from services.runtime.errors import Halt

LETTER_SECONDS = 2.5
CLOCK_SECONDS = 1.5  # until every process has noticed
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Act:
    """One act: `name` in the script, a sentence for the spectator, and how far from the opening the clock stands."""

    name: str
    title: str
    text: str
    clock: timedelta = timedelta(0)


ACTS = (
    Act("requests", "1  Bookings arrive", "Customers ask for tomorrow. Every request is pending until its provider answers."),
    Act(
        "answers",
        "2  Providers answer",
        "Most accept, some decline, some customers call it off; and some requests nobody answers at all.",
    ),
    Act(
        "work",
        "3  The next evening: the work is done",
        "Providers deliver, customers confirm and pay in cash: only then is a booking completed.",
        timedelta(hours=25),
    ),
    Act(
        "lapse",
        "4  Two days later: what nobody acted on lapses",
        "A scan finds the bookings past their deadline, the oldest first, and has each one cancelled; customers are offered other times.",
        timedelta(hours=73),
    ),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """In how many portions the lines of an act are said, and how many seconds there are to watch after each, and after the act."""

    portions: int = 20
    watch: float = 0.3
    linger: float = 2.5


BRISK = Pace(portions=1, watch=0.0, linger=0.0)


@dataclass(frozen=True, slots=True)
class Play:
    """Everything on the stage; `draw` shows the scene as it is."""

    stage: Stage
    opens: datetime
    scene: Scene
    sender: Sender
    consumer: AIOKafkaConsumer
    chance: random.Random
    draw: Callable[[], object]
    pace: Pace

    @property
    def audience(self) -> Audience:
        """Who sees it."""
        return self.scene.audience

    async def run(self, introductions: Sequence[Message[Contract]]) -> None:
        """Play all acts. Raises Halt when what has to come does not come."""
        await self._say(introductions)
        for act in ACTS:
            await self._perform(act)
        await self._read_letters()

    async def _perform(self, act: Act) -> None:
        self.scene.title, self.scene.text = act.title, act.text
        if act.clock:
            self.stage.move_clock(self.opens + act.clock)
            await self._look(CLOCK_SECONDS)
        stories, now = list(self.audience.stories.values()), self.stage.clock.now()
        said = list(requests(stories, now) if act.name == "requests" else lines(act.name, stories, self.chance, now))
        size = max(1, -(-len(said) // self.pace.portions))
        for begin in range(0, len(said), size):
            await self._say(said[begin : begin + size])
            await self._look(self.pace.watch)
        await self._see(act)
        await self._look(self.pace.linger)

    async def _say(self, messages: Sequence[Message[Contract]]) -> None:
        for number, message in enumerate(messages):
            await self.sender.send(number, Outgoing(message.topic, message.key(), message.headers(), message.value()))
        await self.sender.finish()

    async def _see(self, act: Act) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while missing := self.audience.missing(act.name):
            if time.monotonic() > deadline:
                message = f"after “{act.title}” {len(missing)} bookings are not what they should be: {missing[0]}"
                raise Halt(message)
            await self._look(0)

    async def _read_letters(self) -> None:
        """Wait until no more letters come."""
        deadline, sent = time.monotonic() + PATIENCE_SECONDS, -1
        while sent < self.audience.letters_sent and time.monotonic() < deadline:
            sent = self.audience.letters_sent
            await self._look(LETTER_SECONDS)

    async def _look(self, seconds: float) -> None:
        """Watch for so many seconds, and once at least."""
        until = time.monotonic() + seconds
        while True:
            await self.audience.look(self.consumer)
            self.scene.clock = self.stage.clock.now()
            self.draw()
            if time.monotonic() >= until:
                return
            await asyncio.sleep(0.05)
