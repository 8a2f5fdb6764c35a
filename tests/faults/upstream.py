"""An upstream service: it sends the stories of bookings for as long as it is let, and writes down each line before and after."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.faults.load import FATES, Ledger, person, story

COMMANDS, DIRECTORY = "booking.commands.v1", "directory.events.v1"
SEND_SECONDS = 40.0
REMEMBERED = 500
PEOPLE = 20
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
    chance: random.Random
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
            lines = [person(role) for _ in range(PEOPLE)]
            self.people[role] = [str(one["data"]["id"]) for one in lines]  # type: ignore[index]
            for one in lines:
                await self.deliver(Parcel.of(one, DIRECTORY))

    async def run(self, bookings_a_second: float) -> None:
        """Begin stories until it is enough, and see each one through."""
        async with asyncio.TaskGroup() as stories:
            while not self.enough.is_set():
                stories.create_task(self.tell())
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.enough.wait(), self.chance.expovariate(bookings_a_second))

    async def tell(self, *, backwards: bool = False, fates: tuple[str, ...] = (*FATES, "done")) -> None:
        """Send one booking's commands, each after the one before was kept; `backwards` the last one first."""
        ledger = Ledger()
        cast = self.chance.choice(self.people["customer"]), self.chance.choice(self.people["provider"])
        lines = list(story(ledger, self.chance, *cast, fates=fates))
        for booking, parties in ledger.parties.items():
            self.write(booking=booking, parties=parties, lapses=booking in ledger.lapsing)
        for one in reversed(lines) if backwards else lines:
            await self.say(one)

    async def say(self, message: Line) -> None:
        """Send a command that is to have an outcome."""
        self.write(command=message["id"], booking=message["subject"], type=message["type"])
        await self.deliver(Parcel.of(message))
        self.write(kept=message["id"])
        self.remembered = [*self.remembered[-REMEMBERED:], message]

    async def deliver(self, parcel: Parcel) -> None:
        """Send a record until Kafka has it; a client that gets no answer is given up for a new one."""
        producer: AIOKafkaProducer | None = None
        while True:
            try:
                producer = await self._client()
                await asyncio.wait_for(
                    producer.send_and_wait(parcel.topic, parcel.value, parcel.key, headers=list(parcel.headers)), SEND_SECONDS
                )
            except (KafkaError, TimeoutError, OSError):
                await self._give_up(producer)
            else:
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
