"""What is in a topic, read to its end: how often each booking is the subject of a kind of message, and when the first and last came."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer

from contracts.message import type_of
from contracts.values import Contract
from services.cli.clients import administering, partitions_of, reading
from services.runtime.errors import Halt

POLL_MS = 500


@dataclass(slots=True)
class Tally:
    """Subjects of one kind of message, and the producer's milliseconds of the first and the last."""

    subjects: Counter[str] = field(default_factory=Counter)
    first_ms: int = 0
    last_ms: int = 0

    def add(self, subject: str, at_ms: int) -> None:
        """Count one message."""
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        self.subjects[subject] += 1

    def demand(self, subjects: Iterable[str], what: str) -> None:
        """Raise Halt unless there is exactly one message for each of `subjects`, and none else."""
        expected = Counter(subjects)
        if self.subjects != expected:
            lacking, beyond = (expected - self.subjects).total(), (self.subjects - expected).total()
            raise Halt(f"{what}: {lacking} are missing and {beyond} are too many, of {expected.total()}")

    def demand_some(self, subjects: Iterable[str], what: str) -> int:
        """Raise Halt unless there are messages for each of `subjects`, and for none else; return how many are not the first of theirs."""
        lacking, beyond = set(subjects) - set(self.subjects), set(self.subjects) - set(subjects)
        if lacking or beyond:
            raise Halt(f"{what}: those for {len(lacking)} bookings are missing, and there are some for {len(beyond)} others")
        return self.subjects.total() - len(self.subjects)


async def tally(bootstrap: str, contract: type[Contract]) -> Tally:
    """Count the messages of one contract in its topic. Raises Halt, KafkaError."""
    counted, wanted = Tally(), type_of(contract).encode()
    async with administering(bootstrap) as admin, reading(bootstrap) as consumer:
        partitions = await partitions_of(admin, [contract.topic])
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            await _read(consumer, wanted, counted)
    return counted


async def _read(consumer: AIOKafkaConsumer, wanted: bytes, counted: Tally) -> None:
    for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
        for record in records:
            if ("ce_type", wanted) in record.headers:
                counted.add(record.key.decode(), record.timestamp)
