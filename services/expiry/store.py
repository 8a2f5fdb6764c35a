"""All SQL of the expiry service. Statements that lock rows do so in the order of booking ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry.grace import Facts, deadline
from services.expiry.plan import fingerprint
from services.expiry.policies import Policies
from services.expiry.reminders import next_at
from services.expiry.tables import SCHEMA
from services.runtime import outbox
from services.runtime.db import rows_json
from services.runtime.outbox import Outgoing

FACTS = tuple(field.name for field in fields(Facts))
DATES = ("expires_at", "dated_by", "reminded_until", "next_reminder_at")
OWN = ("booking", "version", *DATES, "cancelled_at", "expired_at", "total_amount", "currency")
COLUMNS = ", ".join((*OWN, *FACTS))
UNANSWERED = """
    and not exists (select from expiry.emissions e where e.booking = d.booking)
    and not exists (select from expiry.run_bookings r where r.booking = d.booking and r.answer is null)"""
CHANGES = ", ".join(f"{name} = excluded.{name}" for name in (*OWN, *FACTS) if name != "booking")


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking in the deadline index. `dated_by` is the fingerprint of the rule that `expires_at` comes from.

    Reminders up to the instant `reminded_until` were given, or were past when the request came.
    """

    booking: UUID
    version: int
    facts: Facts
    expires_at: datetime | None = None
    dated_by: str = ""
    reminded_until: datetime | None = None
    next_reminder_at: datetime | None = None
    cancelled_at: datetime | None = None
    expired_at: datetime | None = None
    total_amount: Decimal | None = None
    currency: str | None = None

    def dated(self, policies: Policies, now: datetime) -> "Entry":
        """Return the entry with its deadline and its next reminder under `policies` as they are at `now`."""
        decided = deadline(self.facts, policies.of(self.facts, now))
        return replace(
            self,
            expires_at=decided.expires_at if self.facts.is_open else None,
            dated_by=fingerprint(decided.rule),
            next_reminder_at=next_at(self.facts, decided, self.reminded_until),
        )

    def dated_anew(self, policies: Policies, now: datetime) -> "Entry":
        """Return the entry under policies that changed; reminders that these put into the past are not given."""
        anew = self.dated(policies, now)
        if (anew.expires_at, anew.next_reminder_at) == (self.expires_at, self.next_reminder_at):
            return anew
        return replace(anew, reminded_until=now).dated(policies, now)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the order of the instants that the index is walked by."""

    at: datetime
    booking: UUID

    @classmethod
    def of(cls, entry: Entry) -> "Mark":
        """Return the place of an open entry in the order of deadlines."""
        return cls(entry.expires_at or START.at, entry.booking)


START = Mark(datetime.min.replace(tzinfo=UTC), UUID(int=0))


async def read(connection: AsyncConnection, bookings: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Entry]:
    """Return the entries that exist, by booking; locked if asked for."""
    ids = sorted(set(bookings))
    rows = await connection.execute(
        text(f"""
            select {COLUMNS} from expiry.deadlines
            where booking = any(cast(:ids as uuid[])) and booking between :least and :greatest
            order by booking {"for update" if lock else ""}"""),
        {"ids": ids, "least": ids[0], "greatest": ids[-1]},
    )
    return {row.booking: entry_of(row) for row in rows}


async def save(connection: AsyncConnection, entries: Iterable[Entry]) -> None:
    """Write entries; one that another process has brought further meanwhile stays as it is."""
    rows = [_row(entry) for entry in sorted(entries, key=lambda entry: entry.booking)]
    if rows:
        await connection.execute(
            text(f"""
                insert into expiry.deadlines as d ({COLUMNS})
                select {COLUMNS} from json_populate_recordset(null::expiry.deadlines, :rows) order by booking
                on conflict (booking) do update set {CHANGES} where d.version < excluded.version"""),
            {"rows": rows_json(rows)},
        )


async def due(connection: AsyncConnection, now: datetime, after: Mark, limit: int, *, waiting: bool = False) -> list[Entry]:
    """Return entries past their stored deadline in the scan's order; those that wait for an answer only if `waiting`."""
    unanswered = "" if waiting else UNANSWERED
    rows = await connection.execute(
        text(f"""
            select {COLUMNS} from expiry.deadlines d
            where d.expires_at <= :now and (d.expires_at, d.booking) > (:after, :booking) {unanswered}
            order by d.expires_at, d.booking limit :limit"""),
        {"now": now, "after": after.at, "booking": after.booking, "limit": limit},
    )
    return [entry_of(row) for row in rows]


async def count_due(connection: AsyncConnection, now: datetime) -> int:
    """Count the entries past their deadline."""
    return int(await connection.scalar(text("select count(*) from expiry.deadlines where expires_at <= :now"), {"now": now}) or 0)


async def count_undated(connection: AsyncConnection) -> int:
    """Count the open entries without a deadline: their calendar ends before it."""
    statement = "select count(*) from expiry.deadlines where status in ('pending', 'confirmed') and expires_at is null"
    return int(await connection.scalar(text(statement)) or 0)


async def open_ones(connection: AsyncConnection, after: UUID, limit: int) -> list[Entry]:
    """Return the open entries that follow `after` in the order of ids."""
    rows = await connection.execute(
        text(f"""
            select {COLUMNS} from expiry.deadlines
            where status in ('pending', 'confirmed') and booking > :after order by booking limit :limit"""),
        {"after": after, "limit": limit},
    )
    return [entry_of(row) for row in rows]


async def to_remind(connection: AsyncConnection, now: datetime, after: Mark, limit: int) -> list[Entry]:
    """Lock and return entries whose next reminder is due, in its order; locked ones are for the next walk."""
    rows = await connection.execute(
        text(f"""
            select {COLUMNS} from expiry.deadlines d
            where d.next_reminder_at <= :now and (d.next_reminder_at, d.booking) > (:after, :booking)
            order by d.next_reminder_at, d.booking limit :limit for update skip locked"""),
        {"now": now, "after": after.at, "booking": after.booking, "limit": limit},
    )
    return [entry_of(row) for row in rows]


async def save_dates(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Write the deadlines and reminders of locked entries."""
    ids = sorted(entry.booking for entry in entries)
    if ids:
        await connection.execute(
            text("""
                update expiry.deadlines d set expires_at = r.expires_at, dated_by = r.dated_by,
                    reminded_until = r.reminded_until, next_reminder_at = r.next_reminder_at
                from json_populate_recordset(null::expiry.deadlines, :rows) r
                where d.booking = r.booking and d.booking between :least and :greatest"""),
            {"rows": rows_json(_row(entry) for entry in entries), "least": ids[0], "greatest": ids[-1]},
        )


async def waiting(connection: AsyncConnection, limit: int) -> list[Outgoing]:
    """Return the oldest reminders that wait to be published, in order."""
    return await outbox.waiting(connection, SCHEMA, limit)


def entry_of(row: Row[Any]) -> Entry:
    """Return a row with every column as an entry."""
    return Entry(**dict(zip(OWN, row, strict=False)), facts=Facts(*row[len(OWN) :]))


def _row(entry: Entry) -> dict[str, object]:
    return {**{name: getattr(entry, name) for name in OWN}, **{name: getattr(entry.facts, name) for name in FACTS}}
