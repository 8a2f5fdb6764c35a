"""What Kafka says about how the system does: how far each group is behind, and how much lies in dead letters."""

from collections.abc import Collection
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from contracts.topics import DEAD_LETTERS
from services.cli.clients import administering, partitions_of, reading


@dataclass(frozen=True, slots=True)
class Backlogs:
    """Records that each group has yet to read, and dead letters; None where that is unknown."""

    lag: dict[str, int] | None = None
    dead_letters: int | None = None


async def backlogs(bootstrap: str, services: Collection[str]) -> Backlogs:
    """Measure the groups of `services`, whose names begin with the service's. Raises Halt, KafkaError."""
    async with administering(bootstrap) as admin, reading(bootstrap) as consumer:
        known = {group for group, _ in await admin.list_consumer_groups() if group.partition(".")[0] in services}
        lag = {group: await _lag(admin, consumer, group) for group in sorted(known)}
        letters = await partitions_of(admin, [DEAD_LETTERS.name])
        begins, ends = await consumer.beginning_offsets(letters), await consumer.end_offsets(letters)
    return Backlogs(lag, sum(ends[partition] - begins[partition] for partition in letters))


async def _lag(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str) -> int:
    """Count what `group` has not committed; a partition that it has committed nothing of counts from its beginning."""
    committed = {place: known.offset for place, known in (await admin.list_consumer_group_offsets(group)).items() if known.offset >= 0}
    topics = {place.topic for place in committed} | await _subscriptions(admin, group)
    partitions = await partitions_of(admin, topics)
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return sum(max(0, ends[place] - max(begins[place], committed.get(place, 0))) for place in partitions)


async def _subscriptions(admin: AIOKafkaAdminClient, group: str) -> set[str]:
    """Return what the members of `group` read: a group that has committed nothing yet is known by that alone."""
    answers = await admin.describe_consumer_groups([group])
    members = [member for answer in answers for described in answer.to_object()["groups"] for member in described["members"]]
    known = [ConsumerProtocolMemberMetadata.decode(member["member_metadata"]) for member in members if member["member_metadata"]]
    return {topic for metadata in known for topic in metadata.subscription}
