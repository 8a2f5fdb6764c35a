"""Records on their way to Kafka: none is waited for by itself, and every answer is tied to the line that it answers."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.cloudevents import Outgoing
from services.cli.output import described
from services.runtime.errors import Halt
from services.runtime.kafka import SEND_SECONDS

LARGEST = 1_000_000
TOPIC_SECONDS = 5.0


class Sender:
    """Sends records of a file's lines in their order; `refused` is told of a line that Kafka does not take, and why."""

    def __init__(self, producer: AIOKafkaProducer, refused: Callable[[int, str], None]) -> None:
        """Send through a started `producer`."""
        self.acknowledged: Counter[str] = Counter()
        self._producer, self._refused = producer, refused
        self._waiting, self._none_waiting = 0, asyncio.Event()
        self._topics: dict[str, bool] = {}

    async def send(self, line: int, record: Outgoing) -> None:
        """Hand over a record, waiting only while Kafka is behind. Raises Halt when it takes nothing for 25 s."""
        if problem := await self._problem(record):
            self._refused(line, problem)
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                future = await self._producer.send(record.topic, record.value, record.key, headers=record.headers)
        except (TimeoutError, KafkaError) as error:
            raise self._silence() from error
        self._waiting += 1
        self._none_waiting.clear()
        future.add_done_callback(partial(self._settle, line, record.topic))

    async def finish(self) -> None:
        """Wait for the answers that are still to come. Raises Halt when none comes for 25 s."""
        while waiting := self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._none_waiting.wait(), SEND_SECONDS)
            if self._waiting == waiting:
                raise self._silence()

    def _settle(self, line: int, topic: str, answer: "asyncio.Future[object]") -> None:
        self._waiting -= 1
        if not self._waiting:
            self._none_waiting.set()
        if answer.cancelled():
            return
        if error := answer.exception():
            self._refused(line, f"Kafka refuses it: {described(error)}")
        else:
            self.acknowledged[topic] += 1

    def _silence(self) -> Halt:
        return Halt(
            f"Apache Kafka does not answer any more; it has acknowledged {self.acknowledged.total()} lines. Sending all again is safe"
        )

    async def _problem(self, record: Outgoing) -> str | None:
        """Return why a record cannot be sent: what is found out by trying would hold up, or break, all that comes after it."""
        if record.key is None and record.value is None:
            return "a record needs a subject or data"
        size = sum(len(name) + len(value) for name, value in record.headers) + len(record.value or b"") + len(record.key or b"")
        if size > LARGEST:
            return f"a record of {size} bytes; the limit is {LARGEST}"
        if record.topic not in self._topics:
            self._topics[record.topic] = await self._exists(record.topic)
        return None if self._topics[record.topic] else f"there is no topic {record.topic}: run `sewa topics`"

    async def _exists(self, topic: str) -> bool:
        try:
            async with asyncio.timeout(TOPIC_SECONDS):
                await self._producer.partitions_for(topic)
        except (TimeoutError, KafkaError):
            return False
        return True
