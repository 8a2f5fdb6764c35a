"""The composed directory on a real broker: events and leave in, one command out for each, also after its groups are reset."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from contracts.ids import new_id
from contracts.message import Message
from contracts.topics import BOOKING_COMMANDS, BOOKING_EVENTS, DIRECTORY_EVENTS
from contracts.values import Contract
from services.cli.lag import backlogs
from services.directory.app import build
from services.directory.settings import DirectorySettings
from services.runtime.kafka import open_producer
from tests.eventually import aeventually
from tests.integration.directory_by_hand import Story, leave, person, service
from tests.integration.kafka_tap import tapped
from tests.servers import PARTITIONS, free_ports

GROUPS = {"directory.directory": DIRECTORY_EVENTS.name, "directory.events": BOOKING_EVENTS.name, "directory.leave": DIRECTORY_EVENTS.name}


@pytest.fixture
def settings(database_url: str, clean_kafka: str) -> DirectorySettings:
    return DirectorySettings(database_url=database_url, kafka=clean_kafka, port=free_ports(1)[0])


@asynccontextmanager
async def running(settings: DirectorySettings) -> AsyncIterator[None]:
    """The service, started, ready and at last drained."""
    process = build(settings)
    task = asyncio.create_task(process.run())

    async def ready() -> bool:
        return not process.health.stale()

    try:
        await aeventually(ready, within=30)
        yield
    finally:
        process.stopping.set()
        await task


async def publish(kafka: str, messages: Sequence[Message[Contract]]) -> None:
    producer = open_producer(kafka, "story")
    await producer.start()
    for message in messages:
        await producer.send_and_wait(message.topic, message.value(), message.key(), headers=message.headers())
    await producer.stop()


async def read_again(kafka: str) -> None:
    """Put every group of the service, which does not run, back to the beginning, in the name of its only member."""
    for group, topic in GROUPS.items():
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=kafka, group_id=group, group_instance_id=f"{group}-0", enable_auto_commit=False
        )
        await consumer.start()

        async def assigned(member: AIOKafkaConsumer = consumer) -> bool:
            return len(member.assignment()) == PARTITIONS

        await aeventually(assigned)
        await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
        await consumer.stop()


async def settled(settings: DirectorySettings) -> bool:
    """Whether everything is read and whatever came of it is published."""
    connection = await asyncpg.connect(settings.database_url)
    waiting = await connection.fetchval("select count(*) from directory.outbox")
    await connection.close()
    return (await backlogs(settings.kafka, ["directory"])).lag == dict.fromkeys(GROUPS, 0) and waiting == 0


async def test_a_decline_and_a_leave_are_answered_once_whatever_is_read_again(settings: DirectorySettings) -> None:
    declined, away = Story(), Story()
    world = [person(declined.provider), service(new_id()), *declined.asked(), declined.cancelled("declined"), *away.asked()]
    async with tapped(settings.kafka, BOOKING_COMMANDS.name) as tap:
        await publish(settings.kafka, [*world, leave(away.provider, new_id(), "2026-11-16", "2026-11-17")])
        async with running(settings):
            commands = await tap.read(2)
        await read_again(settings.kafka)
        async with running(settings):
            await aeventually(partial(settled, settings), within=30)
        ends = await tap.consumer.end_offsets(tap.consumer.assignment())
    assert {command.key for command in commands} == {str(story.id).encode() for story in (declined, away)}
    assert sum(ends.values()) == 2


@asynccontextmanager
async def bookings_held(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """No booking can be written meanwhile; they can be read."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table directory.bookings in share row exclusive mode")
            yield connection
    finally:
        await connection.close()


async def waits_for_lock(connection: asyncpg.Connection) -> bool:
    waiting = "select exists (select from pg_locks where not granted and relation = 'directory.bookings'::regclass)"
    return bool(await connection.fetchval(waiting))


async def test_a_leave_waits_for_the_bookings_that_were_made_before_it(settings: DirectorySettings) -> None:
    story = Story()
    async with running(settings), tapped(settings.kafka, BOOKING_COMMANDS.name) as tap:
        async with bookings_held(settings.database_url) as connection:
            await publish(settings.kafka, story.asked())
            await aeventually(partial(waits_for_lock, connection), within=30)
            await publish(settings.kafka, [leave(story.provider, new_id(), "2026-11-16", "2026-11-17")])
            with pytest.raises(AssertionError, match="not within"):
                await tap.read(1, within=1.5)
        assert [command.key for command in await tap.read(1)] == [str(story.id).encode()]
