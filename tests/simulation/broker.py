"""A log in Kafka's place, in memory: partitions by key, groups with committed offsets, and a producer whose answers may get lost."""

import asyncio
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from tests.simulation.traps import Traps

PARTITIONS = 3
Headers = Iterable[tuple[str, bytes | None]]


@dataclass
class Log:
    """Every topic's records, how far each group has committed, and how often it was handed each record."""

    records: dict[TopicPartition, list[ConsumerRecord]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    handed: Counter[tuple[str, str, int, int]] = field(default_factory=Counter)

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Put a record at the end of its key's partition."""
        place = TopicPartition(topic, zlib.crc32(key or b"") % PARTITIONS)
        offset = len(self.records[place])
        told = tuple((name, value or b"") for name, value in headers)
        self.records[place].append(ConsumerRecord(topic, place.partition, offset, offset, 0, key, value, None, -1, -1, told))

    def topic(self, name: str) -> list[ConsumerRecord]:
        """Return the records of a topic, in order for every key."""
        return [record for number in range(PARTITIONS) for record in self.records.get(TopicPartition(name, number), ())]

    def reset(self, group: str) -> None:
        """Have a group that nobody is in begin again."""
        for place in self.committed:
            if place[0] == group:
                self.committed[place] = 0

    def size(self) -> int:
        """Return how many records there are."""
        return sum(map(len, self.records.values()))


class Member:
    """A member of a consumer group; it goes on from what the group has committed, and may lose partitions to another."""

    def __init__(self, log: Log, group: str, topics: Sequence[str], traps: Traps) -> None:
        """Join."""
        self._log, self._group, self._traps = log, group, traps
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        self.position = dict.fromkeys(places, 0)
        self.lost: set[TopicPartition] = set()
        self.go_back(places)

    def go_back(self, places: Iterable[TopicPartition]) -> None:
        """Have partitions assigned: go on from what the group has committed."""
        for place in places:
            self.position[place] = self._log.committed.get((self._group, place), 0)
            self.lost.discard(place)

    def waiting(self) -> list[TopicPartition]:
        """Return the partitions that have something to read for this member."""
        return [place for place, at in self.position.items() if at < len(self._log.records[place]) and place not in self.lost]

    def fetch(self, chance: Random, places: Sequence[TopicPartition]) -> tuple[ConsumerRecord, ...]:
        """Return some records of some of `places`, in any order of partitions: the others are delayed."""
        batch: list[ConsumerRecord] = []
        for place in chance.sample(places, chance.randint(1, len(places))):
            at = self.position[place]
            batch += self._log.records[place][at : at + chance.randint(1, 8)]
            self.position[place] = at + sum(TopicPartition(r.topic, r.partition) == place for r in batch)
        self._log.handed.update((self._group, r.topic, r.partition, r.offset) for r in batch)
        return tuple(batch)

    async def commit(self, offsets: Mapping[TopicPartition, int] | None = None) -> None:
        """Commit `offsets`; without any, every position, as the client does. Raises CommitFailedError for what another member has."""
        await self._traps.reach(f"{self._group} before offsets")
        if self.lost.intersection(self.position if offsets is None else offsets):
            raise CommitFailedError
        for place, offset in (self.position if offsets is None else offsets).items():
            self._log.committed[self._group, place] = offset
        await self._traps.reach(f"{self._group} after offsets")

    async def committed(self, place: TopicPartition) -> int | None:
        """Return what the group has committed."""
        return self._log.committed.get((self._group, place))

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from `offset`. Raises IllegalStateError for what another member has."""
        if place in self.lost:
            raise IllegalStateError(place)
        self.position[place] = offset

    async def beginning_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return 0 for each: nothing is ever removed."""
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where each partition ends."""
        return {place: len(self._log.records[place]) for place in places}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        """Return the numbers of a topic's partitions."""
        return set(range(PARTITIONS))


@dataclass(frozen=True)
class Producer:
    """Sends for one service. A trap can have a record lost, or only the word that it arrived."""

    log: Log
    service: str
    traps: Traps

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Sequence[tuple[str, bytes | None]]
    ) -> "asyncio.Future[object]":
        """Append a record and return the answer to come."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        effect = await self.traps.reach(f"{self.service} send")
        if effect == "lose" or self.traps.cut_off == self.service:
            self.traps.cut_off, effect = self.service, "lose"  # an idempotent producer sends nothing past what failed
        else:
            self.log.append(topic, key, value, headers)
        if effect in {"lose", "doubt"}:
            answer.set_exception(KafkaError("no answer"))
            answer.exception()  # whoever does not ask is not reminded of it
        else:
            answer.set_result(None)
        return answer
