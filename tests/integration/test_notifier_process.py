"""The composed notifier on a real broker: events in, an e-mail in the folder, receipts out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from contracts.message import Message
from contracts.topics import NOTIFICATION_RECEIPTS
from contracts.values import Contract
from services.notifier.app import build
from services.notifier.settings import NotifierSettings
from services.runtime.kafka import open_producer
from tests.eventually import aeventually
from tests.integration.notifier_by_hand import Story
from tests.servers import free_ports


@asynccontextmanager
async def running(settings: NotifierSettings) -> AsyncIterator[None]:
    """A notifier, started and at last drained."""
    process = build(settings)
    task = asyncio.create_task(process.run())
    try:
        yield
    finally:
        process.stopping.set()
        await task


async def publish(kafka: str, messages: list[Message[Contract]]) -> None:
    producer = open_producer(kafka, "story")
    await producer.start()
    for message in messages:
        await producer.send_and_wait(message.topic, message.value(), message.key(), headers=message.headers())
    await producer.stop()


@asynccontextmanager
async def directory_held(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Nobody can be written to the directory's projection meanwhile; it can be read."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table notifier.people in share row exclusive mode")
            yield connection
    finally:
        await connection.close()


async def waits_for_lock(connection: asyncpg.Connection) -> bool:
    return bool(
        await connection.fetchval("select exists (select from pg_locks where not granted and relation = 'notifier.people'::regclass)")
    )


async def is_told(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("select exists (select from notifier.deliveries)"))


async def receipts(kafka: str, subject: str) -> list[str]:
    """What the topic says about a booking, once it says it of both channels."""
    consumer = AIOKafkaConsumer(NOTIFICATION_RECEIPTS.name, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    batches = await consumer.getmany(timeout_ms=1000)
    await consumer.stop()
    found = [record.value.decode() for batch in batches.values() for record in batch if record.key == subject.encode()]
    return found if len(found) == 2 else []


def only_file(folder: Path) -> bytes:
    (file,) = folder.iterdir()
    return file.read_bytes()


@pytest.fixture
def settings(database_url: str, clean_kafka: str, tmp_path: Path) -> NotifierSettings:
    return NotifierSettings(database_url=database_url, kafka=clean_kafka, mail_dir=tmp_path, port=free_ports(1)[0])


async def test_an_event_becomes_an_e_mail_and_receipts(settings: NotifierSettings) -> None:
    story = Story()
    await publish(settings.kafka, [*story.people(), story.created()])
    async with running(settings):
        published = await aeventually(partial(receipts, settings.kafka, str(story.id)), within=30)
    assert only_file(settings.mail_dir).startswith(b"Message-ID: ")
    assert sorted(json.loads(receipt)["channel"] for receipt in published) == ["email", "in-app"]
    assert not any("sita" in receipt.lower() for receipt in published)


async def test_an_event_waits_for_the_people_who_were_in_the_directory_before_it(settings: NotifierSettings) -> None:
    story = Story()
    async with running(settings):
        async with directory_held(settings.database_url) as connection:
            await publish(settings.kafka, story.people())
            await aeventually(partial(waits_for_lock, connection), within=30)
            await publish(settings.kafka, [story.created()])
            with pytest.raises(AssertionError, match="not within"):
                await aeventually(partial(is_told, connection), within=1.5)
        published = await aeventually(partial(receipts, settings.kafka, str(story.id)), within=30)
    assert sorted(json.loads(receipt)["channel"] for receipt in published) == ["email", "in-app"]
