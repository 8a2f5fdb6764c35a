"""Looks at tables and topics of a world, and says what is wrong."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiokafka import TopicPartition

from contracts.topics import TOPICS
from services.booking.rows import SELECTED, as_booking
from tests.simulation.evidence import Evidence, Logged, Row, Seen, read, seen
from tests.simulation.invariants import ALWAYS, AT_REST, Check
from tests.simulation.world import ROOTS, World

NOWHERE = (0, -1)
UNDER_WAY = " union all ".join(
    [
        "select distinct 'notifier', 'deliver:' || channel from notifier.deliveries where state = 'pending'",
        "select distinct 'expiry', 'redate' from (select * from expiry.redatings order by number desc limit 1) p where ended_at is null",
    ]
    + [f"select '{service}', 'relay' where exists (select from {service}.outbox)" for service in ROOTS]
)


class Violated(AssertionError):  # noqa: N818 - it says what happened
    """An invariant does not hold: `invariant` is its name."""

    def __init__(self, invariant: str, problem: str) -> None:
        """Note which, and where."""
        super().__init__(f"{invariant}: {problem}")
        self.invariant = invariant


@dataclass
class Lookout:
    """Reads what is new in topics, and tables as a whole: one history is small."""

    world: World
    eye: "asyncpg.Connection[asyncpg.Record]"
    topics: dict[str, list[Seen]] = field(default_factory=lambda: {topic.name: [] for topic in TOPICS})
    read: dict[TopicPartition, int] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)

    async def check(self, *, tables: bool = True, at_rest: bool = False) -> None:
        """Raise Violated for the first invariant that does not hold; `tables` says whether the booking's tables may have changed."""
        self._read_topics()
        if tables:
            self.tables = await _read_tables(self.eye)
        if at_rest:
            self.tables |= await _read_followers(self.eye)
        evidence = self.evidence()
        for check in (*ALWAYS, *(AT_REST if at_rest else ())):
            refuse(check, evidence)

    def evidence(self) -> Evidence:
        """Return all that is known."""
        log = self.world.log
        committed = {(group, place.topic, place.partition): offset for (group, place), offset in log.committed.items()}
        return Evidence(
            self.world.instant, self.topics, self.world.traps.sprung, log.handed, committed, mails=self.world.mails, **self.tables
        )

    def _read_topics(self) -> None:
        for place, records in self.world.log.records.items():
            known = self.read.get(place, 0)
            self.topics[place.topic] += map(seen, records[known:])
            self.read[place] = len(records)

    async def under_way(self) -> set[tuple[str, str]]:
        """Return the loops that have something to publish or to send."""
        found = await self.eye.fetch(UNDER_WAY)
        return {(service, loop) for service, loop in found}

    async def done_or_blocked(self, work: "asyncio.Future[None]") -> None:
        """Return once the work is done, or waits for a lock of the database."""
        waits = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
        while not work.done() and not await self.eye.fetchval(waits):
            pass

    async def sever(self) -> None:
        """End all connections but the one that looks, and wait until they are gone."""
        others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        while await self.eye.fetchval(f"select count(pg_terminate_backend(pid)) {others}"):
            pass


async def _read_tables(eye: "asyncpg.Connection[asyncpg.Record]") -> dict[str, Any]:
    logged = await eye.fetch(
        """select position, booking, version, event_id, split_part(type, '.', 2), payload::text, actor, at, cause_source, cause_id
        from booking.log order by booking, version"""
    )
    rows = await eye.fetch(
        "select id, version, status, booking_date, cancellation_reason, captured::text, confirmed_by from booking.bookings"
    )
    slots = await eye.fetch("select booking::text, provider::text, lower(slot), upper(slot) from booking.provider_slots")
    kept = await eye.fetch("select source, message_id, outcome from booking.inbox where outcome <> 'parked'")
    parked = await eye.fetch("select headers::text from booking.parked")
    queued = await eye.fetch("select topic, key, headers::text, value from booking.outbox where headers is not null order by position")
    return {
        "queued": [read(topic, key, _headers(headers).items(), value, NOWHERE) for topic, key, headers, value in queued],
        "log": [_logged(row) for row in logged],
        "rows": {str(row[0]): Row(*row[1:]) for row in rows},
        "slots": {booking: tuple(taken) for booking, *taken in slots},
        "inbox": {(source, id_): outcome for source, id_, outcome in kept} | {_identity(headers): "parked" for (headers,) in parked},
    }


async def _read_followers(eye: "asyncpg.Connection[asyncpg.Record]") -> dict[str, Any]:
    index = await eye.fetch("select booking, version, expires_at from expiry.deadlines")
    accounts = await eye.fetch("select booking, version from payments.accounts")
    sent = await eye.fetch("select channel, array_agg(letter::text) from notifier.deliveries where state = 'sent' group by channel")
    shown = await eye.fetch("select id::text from notifier.letters")
    bookings = await eye.fetch(f"select {SELECTED} from booking.bookings")
    return {
        "index": {str(booking): (version, due) for booking, version, due in index},
        "accounts": {str(booking): version for booking, version in accounts},
        "letters": {"in-app": set(), "email": set()} | {channel: set(letters) for channel, letters in sent},
        "shown": {id_ for (id_,) in shown},
        "bookings": {str(row["id"]): as_booking(row) for row in bookings},
    }


def _logged(row: asyncpg.Record) -> Logged:
    position, booking, version, event, name, payload, actor, at, *cause = row
    return Logged(position, str(booking), version, str(event), name, payload, json.loads(payload), actor, at, (cause[0], cause[1]))


def _identity(headers: str) -> tuple[str, str]:
    told = _headers(headers)
    return told["ce_source"].decode(), told["ce_id"].decode()


def _headers(stored: str) -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in json.loads(stored)}


def refuse(check: Check, evidence: Evidence) -> None:
    """Raise Violated where `check` finds something."""
    if problem := next(check(evidence), None):
        raise Violated(check.__name__, problem)


async def wipe(eye: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[str]) -> None:
    """Empty the tables, the append-only log included."""
    await eye.execute("; ".join(["set session_replication_role = replica", *(f"delete from {table}" for table in tables)]))
