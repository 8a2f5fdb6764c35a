"""`sewa` as its user runs it, and what then lies on the topics."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer

from services.cli.greeting import is_ready
from services.runtime.kafka import open_producer
from services.runtime.outbox import Outgoing
from tests.eventually import eventually

SEWA = str(Path(sys.executable).with_name("sewa"))
NOBODY = "127.0.0.1:1"


@dataclass(frozen=True)
class Done:
    """How a call of `sewa` ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def sewa(environment: Mapping[str, str], *arguments: str, stdin: bytes = b"") -> Done:
    """Run a verb to its end."""
    done = subprocess.run([SEWA, *arguments], env={**os.environ, **environment}, input=stdin, capture_output=True, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def send(kafka: str, records: Sequence[Outgoing]) -> None:
    """Put records on their topics, in order."""

    async def run() -> None:
        producer = open_producer(kafka, "test")
        await producer.start()
        sent = [await producer.send(r.topic, r.value, r.key, headers=list(r.headers)) for r in records]
        await asyncio.gather(*sent)
        await producer.stop()

    asyncio.run(run())


def on_topic(kafka: str, topic: str) -> list[Any]:
    """Return every record of `topic`, those of each partition in order."""

    async def read(consumer: AIOKafkaConsumer) -> list[Any]:
        ends, found = await consumer.end_offsets(consumer.assignment()), []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                found += (await consumer.getmany(partition, timeout_ms=1000)).get(partition, [])
        return found

    return asyncio.run(_with_consumer(kafka, topic, read))


async def _with_consumer(kafka: str, topic: str, work: Callable[[AIOKafkaConsumer], Awaitable[list[Any]]]) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        return await work(consumer)
    finally:
        await consumer.stop()


@contextmanager
def running(service: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a service, ready, and at last told to stop."""
    process = subprocess.Popen([SEWA, "run", service], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: is_ready(int(environment[f"SEWA_{service.upper()}_PORT"])), within=60)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
