"""Every topic is read again from its beginning, by every group, as operators do to recover: nothing happens a second time."""

import asyncio
import random
import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.runtime.embedded import start_kafka
from tests.eventually import eventually
from tests.faults.load import Ledger
from tests.faults.looking import TOPICS
from tests.faults.seen import read_topic
from tests.faults.test_kill import introduce, kept, load
from tests.platform import QUIET_SECONDS, Platform, started

pytestmark = pytest.mark.timeout(400)
Places = dict[str, dict[TopicPartition, int]]


async def committed(bootstrap: str) -> Places:
    """How far each group has come that has begun."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        groups = [group for group, _ in await admin.list_consumer_groups()]
        known = {g: (await admin.list_consumer_group_offsets(g)).items() for g in groups}
        return {g: places for g, found in known.items() if (places := {place: at.offset for place, at in found if at.offset > 0})}
    finally:
        await admin.close()


async def begin_again(bootstrap: str, stood: Places) -> bool:
    """Move every group to the beginning; Kafka lets nobody do that while it still counts members, and raises."""
    for group, places in stood.items():
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(list(places))
            await consumer.commit(dict.fromkeys(places, 0))
        finally:
            await consumer.stop()
    return True


def kafka_of(platform: Platform) -> str:
    return f"127.0.0.1:{platform.environment['SEWA_KAFKA_PORT']}"


def records(platform: Platform) -> dict[str, int]:
    """How many records each topic holds, repetitions and all."""
    return {topic: len(asyncio.run(read_topic(kafka_of(platform), topic))) for topic in TOPICS}


def repeated(platform: Platform) -> set[str]:
    """What was seen again and known again."""
    return set(re.findall(r'^(\w+)\{[^}]*outcome="duplicate"[^}]*\} [1-9]', platform.metrics(), re.MULTILINE))


def test_reading_every_topic_again_says_and_sends_nothing_new(tmp_path: Path) -> None:
    ledger = Ledger()
    with started(tmp_path) as platform:
        introduce(platform, ledger)
        assert platform.publish(load(random.Random(2), ledger)).wait(60) == 0
        eventually(lambda: kept(platform, ledger), within=QUIET_SECONDS, every=1.0)
        before, stood = records(platform), asyncio.run(committed(kafka_of(platform)))
    kafka = start_kafka(tmp_path)
    try:
        eventually(lambda: asyncio.run(begin_again(kafka.url, stood)), within=60, every=1.0)
    finally:
        kafka.stop()
    with started(tmp_path) as again:
        eventually(lambda: kept(again, ledger), within=QUIET_SECONDS, every=1.0)
        assert records(again) == before
        assert repeated(again) == {"commands_total", "notifications_total"}
