"""`sewa topics`: the topics, with what no client sets by itself."""

import asyncio
from dataclasses import asdict, dataclass
from datetime import timedelta

import typer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from rich.table import Table

from contracts.topics import TOPICS
from services.cli.clients import administering
from services.cli.endpoints import reach
from services.cli.output import AsJson, console, print_json
from services.runtime.settings import RuntimeSettings
from services.runtime.topics import provision

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A topic as it is on the broker: `retention_ms` None is for ever; `created` says whether it is new."""

    topic: str
    partitions: int
    retention_ms: int | None
    compacted: bool
    created: bool

    @property
    def retention(self) -> str:
        """How long records are kept, in words."""
        if self.compacted:
            return "newest of each key"
        return "for ever" if self.retention_ms is None else f"{timedelta(milliseconds=self.retention_ms) / timedelta(days=1):g} d"


@app.command()
def topics(*, as_json: AsJson = False) -> None:
    """Create the topics that are missing, with their partitions, retention and compaction, and list all as they are."""
    kept = asyncio.run(provision_all(reach("kafka")))
    if as_json:
        print_json([asdict(topic) for topic in kept])
        return
    table = Table("topic", "partitions", "kept", "", box=None, pad_edge=False)
    for topic in kept:
        table.add_row(topic.topic, str(topic.partitions), topic.retention, "created" if topic.created else "already there")
    console().print(table)


async def provision_all(settings: RuntimeSettings) -> list[Kept]:
    """Create what is missing and return every topic. Raises Halt, KafkaError."""
    async with administering(settings.kafka) as admin:
        created = await provision(settings.kafka, partitions=settings.topic_partitions, replication=settings.topic_replication)
        partitions = {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics([topic.name for topic in TOPICS])}
        configs = await _configs(admin)
    return [_kept(topic.name, partitions[topic.name], configs[topic.name], created=topic.name in created) for topic in TOPICS]


def _kept(name: str, partitions: int, config: dict[str, str], *, created: bool) -> Kept:
    retention = int(config["retention.ms"])
    return Kept(name, partitions, None if retention < 0 else retention, "compact" in config["cleanup.policy"], created)


async def _configs(admin: AIOKafkaAdminClient) -> dict[str, dict[str, str]]:
    wanted = {"retention.ms": None, "cleanup.policy": None}
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, wanted) for topic in TOPICS])
    return {name: {entry[0]: entry[1] for entry in entries} for answer in answers for _, _, _, name, entries in answer.resources}
