"""Lag is that of the partitions a process reads, so that the sum over processes is the group's."""

from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from services.runtime.health import Health
from services.runtime.progress import Progress
from tests.builders import NOW

PLACE = TopicPartition("some.topic", 0)


class Client:
    """A group member that reads the partitions it is given, each with ten records."""

    def __init__(self, *assigned: TopicPartition) -> None:
        self.assigned = set(assigned)

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 10)


async def committed(*_: object) -> int:
    return 4


async def test_a_process_whose_partitions_moved_elsewhere_has_no_lag() -> None:
    worker, client = SimpleNamespace(group="some.group"), Client(PLACE)
    consumer = SimpleNamespace(topics=(PLACE.topic,), worker=worker, client=client, done={PLACE: 4}, committed=committed)
    progress = Progress(cast(Any, consumer), Health())
    await progress.run_once(NOW)
    assert lag() == 6
    client.assigned.clear()
    await progress.run_once(NOW)
    assert (lag(), consumer.done) == (0, {})


def lag() -> float | None:
    return REGISTRY.get_sample_value("consumer_lag", {"topic": PLACE.topic, "group": "some.group"})
