"""What can be seen of a history from outside: records of topics, rows of tables, mails. Nothing here knows a handler."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiokafka import ConsumerRecord

Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One record."""

    topic: str
    key: str
    headers: dict[str, str]
    data: dict[str, Any] | None
    place: tuple[int, int]

    @property
    def identity(self) -> Identity:
        """Source and id."""
        return self.headers.get("ce_source", ""), self.headers.get("ce_id", "")

    @property
    def cause(self) -> Identity:
        """Source and id of what brought it about."""
        return self.headers.get("ce_causationsource", ""), self.headers.get("ce_causationid", "")

    @property
    def name(self) -> str:
        """Its bare type."""
        return self.headers["ce_type"].split(".")[1]

    @property
    def at(self) -> datetime:
        """Its instant."""
        return datetime.fromisoformat(self.headers["ce_time"])


def seen(record: ConsumerRecord) -> Seen:
    """Read a record."""
    return read(record.topic, record.key, record.headers, record.value, (record.partition, record.offset))


def read(topic: str, key: bytes | None, headers: Iterable[tuple[str, bytes]], value: bytes | None, place: tuple[int, int]) -> Seen:
    """Return what can be seen of a record; `data` is None where it is no JSON."""
    try:
        data = json.loads(value or b"")
    except ValueError:
        data = None
    return Seen(topic, (key or b"").decode(), {name: content.decode() for name, content in headers}, data, place)


def firsts(records: Iterable[Seen]) -> list[Seen]:
    """Return records without their repetitions."""
    kept: dict[Identity, Seen] = {}
    for record in records:
        kept.setdefault(record.identity, record)
    return list(kept.values())


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of the event log."""

    position: int
    booking: str
    version: int
    event: str
    name: str
    payload: str
    data: dict[str, Any]
    actor: str
    at: datetime
    cause: Identity


@dataclass(frozen=True, slots=True)
class Row:
    """A booking as its table has it."""

    version: int
    status: str
    booking_date: datetime
    cancellation_reason: str | None
    captured: str
    confirmed_by: str | None


@dataclass
class Evidence:
    """Everything, at the business instant `now`.

    `sprung` counts what was cut off, by service; `handed` how often a group was given a record, by group, topic, partition and offset;
    `committed` has how far a group has come, by group, topic and partition; `queued` what the booking service has decided to say.
    """

    now: datetime
    topics: dict[str, list[Seen]]
    sprung: Counter[str]
    handed: Counter[tuple[str, str, int, int]]
    committed: dict[tuple[str, str, int], int]
    log: list[Logged] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    slots: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    inbox: dict[Identity, str] = field(default_factory=dict)
    queued: list[Seen] = field(default_factory=list)
    mails: Sequence[str] = ()
    index: dict[str, tuple[int, datetime | None]] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    bookings: dict[str, Any] = field(default_factory=dict)
    letters: dict[str, set[str]] = field(default_factory=lambda: {"in-app": set(), "email": set()})
    shown: set[str] = field(default_factory=set)

    def decided(self, topic: str) -> list[Seen]:
        """Return what was said in a topic, and then what is to be."""
        return [*self.topics[topic], *(each for each in self.queued if each.topic == topic)]

    def histories(self) -> dict[str, list[Logged]]:
        """Return the log by booking, in order of version."""
        found: dict[str, list[Logged]] = defaultdict(list)
        for logged in self.log:
            found[logged.booking].append(logged)
        return found


def instant(text: str) -> datetime:
    """Read an instant as messages have it."""
    return datetime.fromisoformat(text)
