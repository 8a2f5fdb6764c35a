"""The composed directory on a real broker: events and leave in, one command out for each, also after its groups are reset."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

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
from tests.integration.directory_by_hand import Story, leave, person, service, week
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
async def held(settings: DirectorySettings, table: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Nobody can write to `table` meanwhile, only read it; yield what says whether somebody waits."""
    connection = await asyncpg.connect(settings.database_url)

    async def somebody_waits() -> bool:
        return bool(await connection.fetchval("select exists (select from pg_locks where not granted and relation = $1::regclass)", table))

    try:
        async with connection.transaction():
            await connection.execute(f"lock table {table} in share row exclusive mode")
            yield somebody_waits
    finally:
        await connection.close()


async def answered_after(settings: DirectorySettings, table: str, before: Sequence[Message[Contract]], *then: Message[Contract]) -> Any:
    """The command that answers `then`, which is published while what came `before` cannot be written; it is not sent earlier."""
    async with running(settings), tapped(settings.kafka, BOOKING_COMMANDS.name) as tap:
        async with held(settings, table) as somebody_waits:
            await publish(settings.kafka, before)
            await aeventually(somebody_waits, within=30)
            await publish(settings.kafka, then)
            with pytest.raises(AssertionError, match="not within"):
                await tap.read(1, within=1.5)
        (command,) = await tap.read(1)
        return command


async def test_a_leave_waits_for_the_bookings_that_were_made_before_it(settings: DirectorySettings) -> None:
    story = Story()
    away = leave(story.provider, new_id(), "2026-11-16", "2026-11-17")
    assert (await answered_after(settings, "directory.bookings", story.asked(), away)).key == str(story.id).encode()


async def test_a_decline_waits_for_what_the_directory_said_before_it(settings: DirectorySettings) -> None:
    story = Story()
    saturdays = week(story.provider, sat=(("10:00", "11:00"),))
    command = await answered_after(settings, "directory.hours", [saturdays], *story.asked(), story.cancelled("declined"))
    suggested = [each["booking_date"] for each in json.loads(command.value)["suggestions"]]
    assert suggested == ["2026-11-21T04:15:00Z", "2026-11-28T04:15:00Z"]
