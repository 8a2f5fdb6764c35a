"""What a booking's messages cost by themselves: they are made, sent, read and validated, and nothing else is done.

`expiry`: one process sends commands, a second reads each and sends its event, two more read that. `ingest`: one process sends commands,
a second reads each and sends two events. There is no database. Records go out in whole batches, the fastest way that the client has.
However fast its handlers, a platform of these messages, read by these services, is not faster than that.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import cast

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.producer.message_accumulator import BatchBuilder

from contracts.actors import Actor
from contracts.cloudevents import Outgoing as Request
from contracts.commands import CreateBooking, ExpireBooking
from contracts.events import BookingCancelled, BookingCreated, BookingSubmitted
from contracts.ids import new_id
from contracts.message import Message
from contracts.parts import Evidence, Term
from contracts.topics import BOOKING_COMMANDS, BOOKING_EVENTS
from contracts.values import Contract
from contracts.wire import Sources, decode
from services.booking.fold import Command, published
from services.booking.history import BookingEvent, Occurred
from services.cli.bench.load import requests
from services.cli.clients import administering, partitions_of
from services.runtime.errors import Halt
from services.runtime.kafka import acknowledged, open_producer, partition_for
from services.runtime.outbox import Outgoing, outgoing

AT_ONCE, PARTITIONS, POLL_MS = 500, 3, 100
IMPORT_SECONDS = 3
HOUR = timedelta(hours=1)
Part = Callable[[str, int], Coroutine[None, None, float]]


def expire(now: datetime) -> Message[ExpireBooking]:
    """Return the command about a booking that lapsed a moment ago."""
    scan, due = new_id(), now - timedelta(minutes=1)
    evidence = Evidence(
        terms=(Term(anchor="booking_date", anchor_at=due - 24 * HOUR, hours=24, deadline=due, skipped=()),),
        adjust="none",
        timezone="Asia/Kathmandu",
        calendar=None,
        calendar_version=None,
        policy_version=0,
        expires_at=due,
        scan_id=scan,
        observed_version=2,
    )
    data = ExpireBooking(expected_version=2, expires_at=due, valid_until=now + timedelta(minutes=1), scan_id=scan, evidence=evidence)
    return Message(id=str(new_id()), source="sewabazaar/expiry", subject=str(new_id()), time=now, actor=Actor.system("expiry"), data=data)


def events_of(command: Message[Contract]) -> list[Message[BookingEvent]]:
    """Return what the command brings about."""
    if isinstance(command.data, CreateBooking):
        created = BookingCreated(status="created", **command.data.model_dump(exclude={"expected_version"}))
        return [_event(command, 1, created), _event(command, 2, BookingSubmitted(status="pending"))]
    if not isinstance(command.data, ExpireBooking):
        raise TypeError(command.name)
    cancelled = BookingCancelled(
        status="cancelled",
        previous_status="pending",
        cancellation_reason="expired",
        cancellation_note=None,
        cancelled_by="system:expiry",
        cancelled_at=command.time,
        auto_cancelled=True,
        expired_at=command.data.expires_at,
        booking_date=command.data.expires_at - 24 * HOUR,
        evidence=command.data.evidence,
    )
    return [_event(command, 3, cancelled)]


def _event(command: Message[Contract], version: int, data: BookingEvent) -> Message[BookingEvent]:
    return published(Occurred(command.booking, version, command.time, command.actor, data), cast(Command, command))


async def _send(producer: AIOKafkaProducer, topic: str, records: Iterable[Outgoing | Request]) -> None:
    """Send records in batches that are as large as they may be, and wait until Kafka has them."""
    places, under_way = range(PARTITIONS), []
    batches = defaultdict[int, BatchBuilder](producer.create_batch)
    for record in records:
        place = partition_for(record.key, places, places)
        while batches[place].append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is None:
            under_way.append(await producer.send_batch(batches.pop(place), topic, partition=place))
    under_way += [await producer.send_batch(batch, topic, partition=place) for place, batch in batches.items()]
    await acknowledged(under_way)


async def emit_expiries(kafka: str, number: int) -> float:
    """Send commands as the scan does; return when the first one was made."""
    producer = open_producer(kafka, "emit")
    await producer.start()
    began = time.time()
    for first in range(0, number, AT_ONCE):
        commands = [expire(datetime.now(UTC)) for _ in range(min(AT_ONCE, number - first))]
        await _send(producer, BOOKING_COMMANDS.name, map(outgoing, commands))
    await producer.stop()
    return began


async def emit_requests(kafka: str, number: int) -> float:
    """Send requests as customers do; return when the first one was sent."""
    producer, now = open_producer(kafka, "emit"), datetime.now(UTC)
    records = requests(number, now + HOUR, now)
    await producer.start()
    began = time.time()
    for first in range(0, number, AT_ONCE):
        await _send(producer, BOOKING_COMMANDS.name, records[first : first + AT_ONCE])
    await producer.stop()
    return began


async def answer(kafka: str, number: int) -> float:
    """Read commands and send their events, as the booking service does; return when the last one was sent."""
    producer = open_producer(kafka, "answer")
    await producer.start()
    async for commands in read(kafka, BOOKING_COMMANDS.name, number):
        await _send(producer, BOOKING_EVENTS.name, (outgoing(event) for command in commands for event in events_of(command)))
    await producer.stop()
    return time.time()


async def follow(kafka: str, number: int) -> float:
    """Read events, as the expiry service and the notifier do; return when the last one was read."""
    async for _ in read(kafka, BOOKING_EVENTS.name, number):
        pass
    return time.time()


async def read(kafka: str, topic: str, number: int) -> AsyncIterator[list[Message[Contract]]]:
    """Yield the first `number` messages of `topic`, validated, in batches. Raises Halt when one of them comes again."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", isolation_level="read_committed")
    seen: set[str] = set()
    await consumer.start()
    while len(seen) < number:
        found = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
        records = [record for records in found.values() for record in records]
        host_now, sources = datetime.now(UTC), Sources()
        decoded = [decode(topic, r.key, r.headers, r.value, sources=sources, host_now=host_now) for r in records]
        messages = [message for message in decoded if isinstance(message, Message)]
        known = len(seen)
        seen.update(message.id for message in messages)
        if len(seen) < known + len(records):
            raise Halt(f"{topic} has a message twice, or one that is none")
        yield messages
    await consumer.stop()


# Who sends, who reads, and how many events a command has.
KINDS: dict[str, tuple[Part, Sequence[Part], int]] = {
    "expiry": (emit_expiries, (answer, follow, follow), 1),
    "ingest": (emit_requests, (answer,), 2),
}


def run(part: Part, kafka: str, number: int) -> float:
    """Run one part; it has a process of its own."""
    return uvloop.run(part(kafka, number))


async def prepare(kafka: str) -> None:
    """Make the topics."""
    async with administering(kafka) as admin:
        await admin.create_topics([NewTopic(topic.name, PARTITIONS, 1) for topic in (BOOKING_COMMANDS, BOOKING_EVENTS)])
        await partitions_of(admin, [BOOKING_COMMANDS.name, BOOKING_EVENTS.name])


def main(kind: str) -> None:
    """Print how long it took."""
    kafka, number = os.environ["BENCH_KAFKA"], int(os.environ["BENCH_NUMBER"])
    first, others, events = KINDS[kind]
    asyncio.run(prepare(kafka))
    with ProcessPoolExecutor(1 + len(others), mp_context=multiprocessing.get_context("spawn")) as processes:
        ends = [processes.submit(run, part, kafka, number) for part in others]
        time.sleep(IMPORT_SECONDS)
        began = processes.submit(run, first, kafka, number).result()
        seconds = max(end.result() for end in ends) - began
        processes.submit(run, follow, kafka, events * number).result()  # every event is there once, or this raises or never ends
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
