"""Creates the topics with their retention, compaction and size, which no client does by itself."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.topics import DEAD_LETTERS, TOPICS, Topic

LARGEST_DEAD_LETTER = 3 * 1024 * 1024


def topic_config(topic: Topic) -> dict[str, str]:
    """Return the broker's settings for `topic`."""
    retention = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    config = {"retention.ms": str(retention), "cleanup.policy": "compact" if topic.compacted else "delete"}
    return {**config, "max.message.bytes": str(LARGEST_DEAD_LETTER)} if topic is DEAD_LETTERS else config


async def provision(bootstrap: str, *, partitions: int, replication: int) -> list[str]:
    """Create the topics that are missing and return their names. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        missing = [t for t in TOPICS if t.name not in set(await admin.list_topics())]
        if missing:
            await _create(admin, missing, partitions, replication)
    finally:
        await admin.close()
    return [topic.name for topic in missing]


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic], partitions: int, replication: int) -> None:
    wanted = [NewTopic(t.name, partitions, replication, topic_configs=topic_config(t)) for t in topics]
    answer = await admin.create_topics(wanted)
    for name, code, *message in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"{name}: {' '.join(str(m) for m in message if m)}")
