"""The composed notifier on a real broker: events in, an e-mail in the folder, receipts out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
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


async def is_known(database_url: str) -> bool:
    connection = await asyncpg.connect(database_url)
    known = await connection.fetchval("select exists (select from notifier.people)")
    await connection.close()
    return bool(known)


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


async def test_an_event_becomes_an_e_mail_and_receipts(database_url: str, clean_kafka: str, tmp_path: Path) -> None:
    settings = NotifierSettings(database_url=database_url, kafka=clean_kafka, mail_dir=tmp_path, port=free_ports(1)[0])
    story = Story()
    await publish(clean_kafka, story.people())
    async with running(settings):
        await aeventually(partial(is_known, database_url), within=30)
        await publish(clean_kafka, [story.created()])
        published = await aeventually(partial(receipts, clean_kafka, str(story.id)), within=30)
    assert only_file(tmp_path).startswith(b"Message-ID: ")
    assert sorted(json.loads(receipt)["channel"] for receipt in published) == ["email", "in-app"]
    assert not any("sita" in receipt.lower() for receipt in published)
