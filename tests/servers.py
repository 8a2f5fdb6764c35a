"""The real servers of a test session, and what one test gets of them: a database of its own, empty topics, free ports."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code

import services
from contracts.topics import TOPICS
from services.runtime.embedded import Server, StartFailed, start_kafka, start_postgres
from services.runtime.embedded.ports import BELOW_EPHEMERAL, claim_port
from services.runtime.migrations import upgrade
from services.runtime.topics import provision
from tests.eventually import aeventually

MIGRATED = sorted(folder.parent.name for folder in Path(services.__path__[0]).glob("*/migrations"))
TEMPLATE = "template_migrated"
TOPIC_NAMES = [topic.name for topic in TOPICS]
PARTITIONS = 3
SLOTS = 10
MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
T = TypeVar("T")
_number = count(1)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run PostgreSQL and give the URL of a database whose user may do everything. Raises StartFailed."""
    with ExitStack() as stack:
        yield _enter(stack, "postgres", partial(start_postgres, durable=False))


@contextmanager
def kafka_server() -> Iterator[str]:
    """Run Apache Kafka with our topics and give its bootstrap servers. Raises StartFailed."""
    with ExitStack() as stack:
        bootstrap = _enter(stack, "kafka", start_kafka)
        outside_the_loop(_create_topics, bootstrap)
        yield bootstrap


def _enter(stack: ExitStack, name: str, start: Callable[[Path], Server]) -> str:
    from tests import containers  # noqa: PLC0415 - unit tests need not wait for it

    return containers.started(stack, name) or stack.enter_context(_embedded(start))


@contextmanager
def _embedded(start: Callable[[Path], Server]) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="sewa-test-", dir=_memory()) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL changes its user when root starts it
        server = start(Path(folder))
        try:
            yield server.url
        finally:
            server.stop()


def _memory() -> Path | None:
    """Return a folder in memory with room enough, where there is one: copying a database takes a tenth of the time."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy else None


def outside_the_loop(work: Callable[[str], Awaitable[T]], url: str) -> T:
    """Run `work(url)` in an event loop of its own, whether or not one runs here."""

    async def run() -> T:
        return await work(url)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


def migrated_template(url: str) -> str:
    """Make the database that every test's is copied from, and return its name."""
    _execute(url, f"create database {TEMPLATE}")
    with ThreadPoolExecutor(1) as thread:  # Alembic runs an event loop of its own
        for service in MIGRATED:
            thread.submit(upgrade, service, _sibling(url, TEMPLATE)).result()
    return TEMPLATE


@contextmanager
def copied_database(url: str, template: str) -> Iterator[str]:
    """Give the URL of a new copy of `template`, dropped at the end whoever is still connected."""
    name = f"test_{next(_number)}"
    _execute(url, f"create database {name} template {template}")
    try:
        yield _sibling(url, name)
    finally:
        _execute(url, f"drop database {name} with (force)")


def _sibling(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def _execute(url: str, statement: str) -> None:
    async def run(url: str) -> None:
        connection = await asyncpg.connect(url, command_timeout=60)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    outside_the_loop(run, url)


def recreate_topics(bootstrap: str) -> None:
    """Delete our topics, and with them what groups have committed, and create them anew."""
    outside_the_loop(_delete_topics, bootstrap)
    outside_the_loop(_create_topics, bootstrap)


async def _delete_topics(bootstrap: str) -> None:
    """Delete our topics and wait until groups have forgotten them: a late forgetting would strike the topics created next."""
    async with _administering(bootstrap) as admin:
        answer = await admin.delete_topics(TOPIC_NAMES)
        for name, code in answer.topic_error_codes:
            if code and for_code(code) is not UnknownTopicOrPartitionError:
                raise for_code(code)(name)
        await aeventually(partial(_forgotten, admin))


async def _forgotten(admin: AIOKafkaAdminClient) -> bool:
    committed = [await admin.list_consumer_group_offsets(group) for group, _ in await admin.list_consumer_groups()]
    return not any(place.topic in TOPIC_NAMES and at.offset >= 0 for offsets in committed for place, at in offsets.items())


async def _create_topics(bootstrap: str) -> None:
    """Create our topics and wait until clients are told of them; the broker may take a moment to drop deleted ones from its list."""
    created: set[str] = set()
    while created != set(TOPIC_NAMES):
        created.update(await provision(bootstrap, partitions=PARTITIONS, replication=1))
    async with _administering(bootstrap) as admin:
        await aeventually(partial(_described, admin))


async def _described(admin: AIOKafkaAdminClient) -> bool:
    return all(topic["partitions"] for topic in await admin.describe_topics(TOPIC_NAMES))


@asynccontextmanager
async def _administering(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on, ten apart: a process listens on its service's port plus its slot."""
    found: list[int] = []
    for port in random.sample(BELOW_EPHEMERAL[::SLOTS], number * 10):
        with suppress(StartFailed):
            found.append(claim_port(port, "another"))
    return found[:number]
