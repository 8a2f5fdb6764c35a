"""Lag is that of the partitions a process reads, so that the sum over processes is the group's."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from prometheus_client import REGISTRY

from services.runtime.errors import ClientStuck
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


class Deaf(Client):
    """A group member that gets no answer."""

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        raise KafkaTimeoutError(f"no ends of {partitions}")


async def committed(*_: object) -> int:
    return 4


def watching(client: Client, *, answers: bool = True) -> Progress:
    """The watch over a consumer of PLACE, on a Kafka that answers a new client or does not."""

    async def answered() -> bool:
        return answers

    worker = SimpleNamespace(group="some.group")
    consumer = SimpleNamespace(topics=(PLACE.topic,), worker=worker, client=client, done={PLACE: 4}, committed=committed)
    return Progress(cast(Any, consumer), Health(), answered)


async def test_a_process_whose_partitions_moved_elsewhere_has_no_lag() -> None:
    client = Client(PLACE)
    progress = watching(client)
    await progress.run_once(NOW)
    assert lag() == 6
    client.assigned.clear()
    await progress.run_once(NOW)
    assert (lag(), progress.consumer.done) == (0, {})


@pytest.mark.parametrize(("answers", "raised"), [(True, ClientStuck), (False, KafkaTimeoutError)])
async def test_a_client_that_gets_no_answer_where_a_new_one_does_ends_the_process(answers: bool, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        await watching(Deaf(PLACE), answers=answers).run_once(NOW)


def lag() -> float | None:
    return REGISTRY.get_sample_value("consumer_lag", {"topic": PLACE.topic, "group": "some.group"})
