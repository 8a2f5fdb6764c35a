"""Looks at tables and topics of a world, and says what is wrong."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
from aiokafka import TopicPartition

from contracts.topics import TOPICS
from tests.simulation.evidence import Evidence, Logged, Row, Seen, seen
from tests.simulation.invariants import ALWAYS, AT_REST, Check
from tests.simulation.world import ROOTS, World


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
    log: list[Logged] = field(default_factory=list)
    rows: dict[str, Row] = field(default_factory=dict)
    inbox: dict[tuple[str, str], str] = field(default_factory=dict)

    async def check(self, *, tables: bool = True, at_rest: bool = False) -> None:
        """Raise Violated for the first invariant that does not hold; `tables` says whether the booking's tables may have changed."""
        self._read_topics()
        if tables:
            await self._read_tables()
        evidence = self.evidence()
        for check in (*ALWAYS, *(AT_REST if at_rest else ())):
            refuse(check, evidence)

    def evidence(self) -> Evidence:
        """Return all that is known."""
        world = self.world
        return Evidence(world.instant, self.topics, world.traps.sprung, self.log, self.rows, self.inbox, world.mails)

    def _read_topics(self) -> None:
        for place, records in self.world.log.records.items():
            known = self.read.get(place, 0)
            self.topics[place.topic] += map(seen, records[known:])
            self.read[place] = len(records)

    async def _read_tables(self) -> None:
        logged = await self.eye.fetch(
            """select booking, version, event_id, split_part(type, '.', 2), payload::text, actor, at, cause_source, cause_id
            from booking.log order by booking, version"""
        )
        self.log = [Logged(str(b), v, str(i), name, json.loads(data), actor, at, (s, c)) for b, v, i, name, data, actor, at, s, c in logged]
        rows = await self.eye.fetch(
            "select id, version, status, booking_date, cancellation_reason, captured::text, confirmed_by from booking.bookings"
        )
        self.rows = {str(row[0]): Row(*row[1:]) for row in rows}
        kept = await self.eye.fetch("select source, message_id, outcome from booking.inbox where outcome <> 'parked'")
        self.inbox = {(s, i): o for s, i, o in kept}
        self.inbox |= {_identity(headers): "parked" for (headers,) in await self.eye.fetch("select headers::text from booking.parked")}

    async def under_way(self) -> int:
        """Return how much the services still have to do by themselves: messages to publish, letters to send."""
        outboxes = " + ".join(f"(select count(*) from {service}.outbox)" for service in ROOTS)
        return int(await self.eye.fetchval(f"select {outboxes} + (select count(*) from notifier.deliveries where state = 'pending')"))


def _identity(headers: str) -> tuple[str, str]:
    told = {name: bytes.fromhex(value) for name, value in json.loads(headers)}
    return told["ce_source"].decode(), told["ce_id"].decode()


def refuse(check: Check, evidence: Evidence) -> None:
    """Raise Violated where `check` finds something."""
    if problem := next(check(evidence), None):
        raise Violated(check.__name__, problem)


async def wipe(eye: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[str]) -> None:
    """Empty the tables, the append-only log included."""
    await eye.execute("; ".join(["set session_replication_role = replica", *(f"delete from {table}" for table in tables)]))
