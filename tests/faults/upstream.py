"""An upstream service: it sends the stories of bookings for as long as it is let, and writes down each line before and after."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.faults.load import person
from tests.faults.stories import QUICK, STORIES, Scene, at_the_last_moment, rivals

COMMANDS, DIRECTORY = "booking.commands.v1", "directory.events.v1"
SEND_SECONDS = 40.0
REMEMBERED = 500
PEOPLE = 20
LAST_MOMENT = 6.0
AROUND = (-0.2, 1.3)
TIMED, CONTESTED = 0.15, 0.1
OVERTIME = 0.25
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record to send; `mark` stands in its headers and in the ledger."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    mark: str

    @classmethod
    def of(cls, message: Line, topic: str = COMMANDS) -> "Parcel":
        """Return a CloudEvents line as the record that carries it."""
        named = {f"ce_{name}": str(message[name]).encode() for name in message if name != "data"}
        mark = str(uuid4())
        headers = [*named.items(), ("x-ledger", mark.encode())]
        return cls(topic, str(message["subject"]).encode(), json.dumps(message["data"]).encode(), headers, mark)


@dataclass
class Upstream:
    """Sends to `bootstrap`; the ledger at `path` is only ever appended to."""

    bootstrap: str
    path: Path
    seed: int
    clock: Callable[[], datetime]
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    sent: Counter[str] = field(default_factory=Counter)
    remembered: list[Line] = field(default_factory=list)
    people: dict[str, list[str]] = field(default_factory=dict)
    _producer: AIOKafkaProducer | None = None
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def write(self, **facts: Any) -> None:
        """Add a line to the ledger."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**facts, "at": time.time()}) + "\n")

    async def introduce(self) -> None:
        """Tell the directory of everybody who will book or be booked."""
        for role in ("customer", "provider"):
            people = [person(role) for _ in range(PEOPLE)]
            facts: list[Any] = [one["data"] for one in people]
            self.people[role] = [str(one["id"]) for one in facts]
            self.write(people={str(one["id"]): one["email"] for one in facts})
            for one in people:
                await self.deliver(Parcel.of(one, DIRECTORY))

    def chance(self, *about: object) -> random.Random:
        """Return what decides about something, whatever else has been decided before."""
        return random.Random(f"{self.seed} {about}")

    async def run(self, bookings_a_second: float, seconds: float) -> None:
        """Begin stories until it is enough, more seldom once `seconds` are over, and see each one through."""
        pauses, over = self.chance("pauses"), time.monotonic() + seconds
        async with asyncio.TaskGroup() as stories:
            for n in count():
                chance = self.chance("story", n)
                tell = chance.choices((self.time_out, self.contest, self.tell), (TIMED, CONTESTED, 1 - TIMED - CONTESTED))[0]
                stories.create_task(tell(chance))
                rate = bookings_a_second * (OVERTIME if time.monotonic() > over else 1.0)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.enough.wait(), pauses.expovariate(rate))
                    return

    def scene(self, chance: random.Random) -> Scene:
        """Return a booking to be made now."""
        return Scene.of(chance, self.people, self.clock())

    async def tell(self, chance: random.Random) -> None:
        """Send one booking's commands, each after the one before was kept."""
        for one in STORIES[chance.choice(list(STORIES))](self.scene(chance)):
            await self.say(one)

    async def tell_backwards(self, chance: random.Random) -> None:
        """Send the last command first."""
        for one in reversed(STORIES[chance.choice(QUICK)](self.scene(chance))):
            await self.say(one)

    async def time_out(self, chance: random.Random) -> None:
        """Have a booking accepted at about the moment at which it lapses."""
        begun, ended = at_the_last_moment(self.scene(chance), LAST_MOMENT)
        until = time.monotonic() + LAST_MOMENT + chance.uniform(*AROUND)
        for one in begun:
            await self.say(one)
        await asyncio.sleep(until - time.monotonic())
        for one in ended:
            await self.say(one)

    async def contest(self, chance: random.Random) -> None:
        """Have two bookings accepted at once that only one of them can be."""
        for at_once in rivals(self.scene(chance)):
            await asyncio.gather(*map(self.say, at_once))

    async def say(self, message: Line) -> None:
        """Send a command that is to have an outcome."""
        parcel = Parcel.of(message)
        self.write(command=message["id"], booking=message["subject"], type=message["type"], mark=parcel.mark)
        await self.deliver(parcel)
        self.remembered = [*self.remembered[-REMEMBERED:], message]

    async def deliver(self, parcel: Parcel) -> None:
        """Send a record until Kafka has it; a client that gets no answer is given up for a new one."""
        producer: AIOKafkaProducer | None = None
        self.write(sending=parcel.mark, topic=parcel.topic)
        while True:
            try:
                producer = await self._client()
                await asyncio.wait_for(
                    producer.send_and_wait(parcel.topic, parcel.value, parcel.key, headers=list(parcel.headers)), SEND_SECONDS
                )
            except (KafkaError, TimeoutError, OSError):
                await self._give_up(producer)
            else:
                self.write(kept=parcel.mark)
                return

    async def _client(self) -> AIOKafkaProducer:
        async with self._alone:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True, client_id="load")
                try:
                    await asyncio.wait_for(producer.start(), SEND_SECONDS)
                except BaseException:
                    await stopped(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: AIOKafkaProducer | None) -> None:
        async with self._alone:
            if producer is not None and self._producer is producer:
                self._producer = None
                await stopped(producer)
        await asyncio.sleep(0.5)

    async def close(self) -> None:
        """Let the client go."""
        await self._give_up(self._producer)


async def stopped(producer: AIOKafkaProducer) -> None:
    """Stop a client, which an absent broker would make wait for ever."""
    with suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.stop(), 3.0)
    if task := producer._sender._sender_task:
        task.cancel()
