"""Looks at topics, tables and mails from outside, with no code of the system, and says what is wrong."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.faults.load import Ledger

STATUS = re.compile(r'^booking_status\{status="(\w+)"\} (\S+)$', re.MULTILINE)
EVENTS = re.compile(r'^booking_events_total\{[^}]*type="(\w+)"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True)
class Seen:
    """One record of a topic; `at` is when its producer sent it, in seconds of the host, `raw` its value as it came."""

    key: str
    headers: dict[str, str]
    data: dict[str, Any]
    place: tuple[str, int, int] = ("", 0, 0)
    at: float = 0.0
    raw: bytes | None = None

    @property
    def name(self) -> str:
        """The bare name of its type, such as `BookingCancelled`."""
        return ([*self.headers.get("ce_type", "").split("."), ""])[1]

    @property
    def cause(self) -> tuple[str, str]:
        """The identity of the message that caused it."""
        return self.headers.get("ce_causationsource", ""), self.headers.get("ce_causationid", "")


async def read_topic(bootstrap: str, topic: str) -> list[Seen]:
    """Return a topic's records from the beginning to its present end, in order for every key."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        seen: list[Seen] = []
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                seen += [_seen(record) for record in records]
        return seen
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(topic) or set()


def _seen(record: Any) -> Seen:
    headers = {name: (value or b"").decode() for name, value in record.headers}
    place = (record.topic, record.partition, record.offset)
    return Seen((record.key or b"").decode(), headers, _data(record.value), place, record.timestamp / 1000, record.value)


def _data(value: bytes | None) -> dict[str, Any]:
    """Return what a record carries; nothing where it is no JSON, which some are sent on purpose."""
    try:
        data: dict[str, Any] = json.loads(value or b"{}")
    except ValueError:
        return {}
    return data


def first_occurrences(events: list[Seen]) -> list[Seen]:
    """Return events without their repetitions, by id."""
    kept: dict[str, Seen] = {}
    for event in events:
        kept.setdefault(event.headers["ce_id"], event)
    return list(kept.values())


@dataclass
class Evidence:
    """Everything that can be seen from outside."""

    events: list[Seen]
    rejections: list[Seen]
    dead: list[Seen]
    receipts: list[Seen]
    rows: dict[str, tuple[str, int]]
    mails: list[str]
    payments: list[Seen] = field(default_factory=list)
    metrics: str | None = None

    def problems(self, ledger: Ledger) -> list[str]:
        """Return what contradicts the promises: nothing lost, nothing doubled, nothing out of order, everybody told once."""
        return [problem for found in self.findings(ledger).values() for problem in found]

    def findings(self, ledger: Ledger) -> dict[str, list[str]]:
        """Return what contradicts each promise, by its name."""
        return {
            "one_outcome": self._lost(ledger),
            "first_occurrences_in_order": self._order(),
            "no_double": self._doubled(),
            "state_is_the_log": self._tables(),
            "everybody_told": self._letters(ledger),
            "paid_once": self._money(),
            "counted_by_hand": self._counts(),
            "dead_letters": [f"dead letter {d.key}: {d.headers.get('x-dlq-reason')}" for d in self.dead],
        }

    def _lost(self, ledger: Ledger) -> list[str]:
        answered = {seen.headers["ce_causationid"] for seen in (*self.events, *self.rejections)}
        return [f"command {c} of {booking} has no outcome" for booking, sent in ledger.commands.items() for c in sent if c not in answered]

    def _order(self) -> list[str]:
        versions: dict[str, list[int]] = defaultdict(list)
        for event in first_occurrences(self.events):
            versions[event.key].append(int(event.headers["ce_aggregateversion"]))
        return [f"{booking} has versions {v}" for booking, v in versions.items() if v != list(range(1, len(v) + 1))]

    def _doubled(self) -> list[str]:
        events = first_occurrences(self.events)
        cancels = Counter(e.key for e in events if e.headers["ce_type"].endswith("BookingCancelled.v1"))
        ids = {e.headers["ce_id"]: e for e in events}
        repeated = [f"{e.headers['ce_id']} said two things" for e in self.events if ids[e.headers["ce_id"]].data != e.data]
        return [f"{booking} was cancelled {n} times" for booking, n in cancels.items() if n > 1] + repeated

    def _tables(self) -> list[str]:
        last = {e.key: (e.data["status"], int(e.headers["ce_aggregateversion"])) for e in first_occurrences(self.events)}
        return [
            f"{booking} is {self.rows.get(booking)} in the table and {last.get(booking)} in the log"
            for booking in last.keys() | self.rows.keys()
            if self.rows.get(booking) != last.get(booking)
        ]

    def _letters(self, ledger: Ledger) -> list[str]:
        """Every cancellation is told to both parties by mail, once."""
        twice = [f"mail {mail} was sent {n} times" for mail, n in Counter(self.mails).items() if n > 1]
        told = Counter((r.data["event_id"], r.data["recipient"], r.data["channel"]) for r in first_occurrences(self.receipts))
        cancelled = [e for e in first_occurrences(self.events) if e.headers["ce_type"].endswith("BookingCancelled.v1")]
        wanted = [
            (e.headers["ce_id"], person, channel) for e in cancelled for person in ledger.parties[e.key] for channel in ("email", "in-app")
        ]
        return twice + [f"{w} was told {told[w]} times" for w in wanted if told[w] != 1]

    def _money(self) -> list[str]:
        """Whoever has confirmed pays once, in cash, and that completes the booking."""
        events = first_occurrences(self.events)
        confirmed = {e.key for e in events if e.headers["ce_type"].endswith("DeliveryConfirmed.v1")}
        captures = Counter(p.key for p in first_occurrences(self.payments) if p.headers["ce_type"].endswith("PaymentCaptured.v1"))
        paid = [f"{key} was paid {captures[key]} times" for key in confirmed | captures.keys() if captures[key] != (key in confirmed)]
        return paid + [f"{key} is {self.rows[key][0]}, confirmed and paid" for key in confirmed if self.rows[key][0] != "completed"]

    def _counts(self) -> list[str]:
        """What is exported is what a count of the topic by hand gives."""
        if self.metrics is None:
            return []
        events = first_occurrences(self.events)
        by_hand = Counter(e.headers["ce_type"].split(".")[1] for e in events), Counter({e.key: e.data["status"] for e in events}.values())
        exported = _summed(EVENTS.findall(self.metrics)), _summed(STATUS.findall(self.metrics))
        return [f"exported are {told}, counted {count}" for told, count in zip(exported, by_hand, strict=True) if told != count]


TOPICS = ("booking.events.v1", "booking.rejections.v1", "dead-letters.v1", "notification.receipts.v1", "payment.events.v1")


async def collect(bootstrap: str, database: str, mail_dir: Path, metrics: str | None = None) -> Evidence:
    """Look at everything once; `metrics` is what all processes export."""
    events, rejections, dead, receipts, payments = await asyncio.gather(*(read_topic(bootstrap, topic) for topic in TOPICS))
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("select id, status, version from booking.bookings")
    finally:
        await connection.close()
    table = {str(r["id"]): (r["status"], r["version"]) for r in rows}
    return Evidence(events, rejections, dead, receipts, table, mails(mail_dir), payments, metrics)


def _summed(samples: list[tuple[str, str]]) -> Counter[str]:
    """Return the samples of all processes added up, those of 0 left out."""
    total: Counter[str] = Counter()
    for name, value in samples:
        total[name] += int(float(value))
    return +total


def mails(folder: Path) -> list[str]:
    """Return the Message-ID of every mail."""
    return [str(message_from_bytes(path.read_bytes())["Message-ID"]) for path in folder.rglob("*.eml")]
