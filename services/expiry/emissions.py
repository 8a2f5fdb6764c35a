"""The commands that wait for their answer: SQL over a small table that every process of the service shares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import ExpireBooking
from contracts.message import Message
from contracts.rejections import CommandRejected
from services.runtime.db import rows_json

SOURCE = "sewabazaar/expiry"
PATIENCE = timedelta(seconds=10)
AT_NEXT_SCAN = ("stale-command", "version-conflict")


@dataclass(frozen=True, slots=True)
class Settled:
    """How a command ended: `moved` says whether the index shows that its booking went on."""

    booking: UUID
    moved: bool
    refusal: str | None
    expired_at: datetime | None

    @property
    def outcome(self) -> str:
        """The label of its metric; a command of a booking that moved on otherwise can only have been refused."""
        if self.moved and self.expired_at is not None:
            return "handled"
        return "refused" if self.moved or self.refusal else "orphaned"


async def claim(connection: AsyncConnection, commands: Iterable[Message[ExpireBooking]], at: datetime) -> set[UUID]:
    """Note commands about to be emitted at the host's instant `at`; return the bookings for which no other one waits."""
    rows = rows_json({"booking": c.subject, "command": c.id, "version": c.data.expected_version} for c in commands)
    claimed = await connection.execute(
        text("""
            insert into expiry.emissions (booking, command, version, emitted_at)
            select booking, command, version, :at from json_populate_recordset(null::expiry.emissions, :rows) order by booking
            on conflict (booking) do nothing returning booking"""),
        {"rows": rows, "at": at},
    )
    return {row.booking for row in claimed}


async def count_unanswered(connection: AsyncConnection) -> int:
    """Count the commands that the booking service has yet to answer."""
    return int(await connection.scalar(text("select count(*) from expiry.emissions where refusal is null")) or 0)


async def refuse(connection: AsyncConnection, rejections: Iterable[Message[CommandRejected]]) -> None:
    """Note rejections of commands that wait for their answer; others have no effect."""
    rows = [{"booking": r.subject, "command": r.data.command_id, "refusal": r.data.code} for r in rejections]
    if rows:
        await connection.execute(
            text("""
                with refused as (
                    select e.booking, r.refusal from json_to_recordset(:rows) as r (booking uuid, command text, refusal text)
                    join expiry.emissions e on e.booking = r.booking and e.command = r.command order by e.booking for update of e)
                update expiry.emissions e set refusal = r.refusal from refused r where e.booking = r.booking"""),
            {"rows": rows_json(rows)},
        )


async def settle(connection: AsyncConnection, host_now: datetime, *, new_scan: bool) -> list[Settled]:
    """Forget and return the commands whose booking moved on and, in a new scan, those that may be emitted again.

    `offset 0` has the index looked up for each: this table changes too fast for the planner to know that it is the small one.
    """
    rows = await connection.execute(
        text("""
            with ended as (
                select e.booking, e.refusal, d.expired_at, d.expires_at is null or d.version > e.version as moved
                from expiry.emissions e
                cross join lateral (select * from expiry.deadlines i where i.booking = e.booking offset 0) d
                where d.expires_at is null or d.version > e.version
                    or (:new_scan and (e.refusal = any(cast(:at_next_scan as text[])) or e.emitted_at <= :since))
                order by e.booking for update of e skip locked)
            delete from expiry.emissions e using ended where e.booking = ended.booking
            returning ended.booking, ended.moved, ended.refusal, ended.expired_at"""),
        {"new_scan": new_scan, "at_next_scan": list(AT_NEXT_SCAN), "since": host_now - PATIENCE},
    )
    return [Settled(**row._mapping) for row in rows]


async def refused(connection: AsyncConnection, bookings: Sequence[UUID]) -> set[UUID]:
    """Return which of `bookings` have a refused command."""
    rows = await connection.execute(
        text("select booking from expiry.emissions where refusal is not null and booking = any(cast(:ids as uuid[]))"),
        {"ids": list(bookings)},
    )
    return {row.booking for row in rows}
