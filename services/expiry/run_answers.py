"""What becomes of the bookings of a run: SQL over those that have no answer yet. Whoever carries a run out never waits for a lock."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import MaintenanceCancel
from contracts.message import Message
from contracts.rejections import CommandRejected
from services.expiry import store
from services.expiry.runs import Run
from services.expiry.store import Entry
from services.runtime.db import rows_json

HEAD = """
    select booking, version, command, expires_at from expiry.run_bookings
    where run = :run and answer is null order by expires_at, booking"""
CURRENT = "cross join lateral (select * from expiry.deadlines i where i.booking = h.booking offset 0) d"


async def follow(connection: AsyncConnection, run: Run, within: int) -> int:
    """Note which of the first `within` bookings without an answer have moved on, and how; return how many for maintenance that refuses."""
    moved = await connection.execute(
        text(f"""
            with head as ({HEAD} limit :within for update skip locked),
            moved as (
                select h.booking, :expires and d.expired_at is not null as expired, d.cancelled_at
                from head h {CURRENT} where d.version > h.version)
            update expiry.run_bookings r set
                answer = case when expired then 'cancelled' else 'rejected' end,
                code = case when not expired then 'version-conflict' end,
                cancelled_at = case when expired then moved.cancelled_at end
            from moved where r.run = :run and r.booking = moved.booking returning r.command"""),
        {"run": run.id, "within": within, "expires": run.selection.mode == "expired"},
    )
    return sum(row.command is not None for row in moved)


async def unasked(connection: AsyncConnection, run: Run, limit: int) -> list[Entry]:
    """Return entries of the run that stand as they were found and for which no command is under way, in its order."""
    rows = await connection.execute(
        text(f"""
            select h.booking, h.version from ({HEAD}) h {CURRENT}
            where d.version = h.version and h.command is null
                and not exists (select from expiry.emissions e where e.booking = h.booking)
            order by h.expires_at, h.booking limit :limit"""),
        {"run": run.id, "limit": limit},
    )
    versions = {row.booking: row.version for row in rows}
    entries = await store.read(connection, versions) if versions else {}
    return [entries[booking] for booking, version in versions.items() if entries[booking].version == version]


async def reject(connection: AsyncConnection, run: Run, bookings: Sequence[UUID], code: str) -> None:
    """Note that some bookings of a run are not cancelled after all."""
    if bookings:
        await connection.execute(
            text("""
                update expiry.run_bookings set answer = 'rejected', code = :code
                where run = :run and booking = any(cast(:bookings as uuid[])) and answer is null"""),
            {"run": run.id, "bookings": list(bookings), "code": code},
        )


async def ask(connection: AsyncConnection, run: Run, commands: Iterable[Message[MaintenanceCancel]]) -> None:
    """Note the commands that a run for maintenance sends."""
    await connection.execute(
        text("""
            update expiry.run_bookings r set command = c.command
            from json_to_recordset(:rows) as c (booking uuid, command text) where r.run = :run and r.booking = c.booking"""),
        {"run": run.id, "rows": rows_json({"booking": c.subject, "command": c.id} for c in commands)},
    )


async def refuse(connection: AsyncConnection, rejections: Iterable[Message[CommandRejected]]) -> int:
    """Note rejections of commands that runs wait for, except of those that are sent again; return how many were for maintenance."""
    rows = [{"booking": r.subject, "command": r.data.command_id, "code": r.data.code} for r in rejections]
    noted = await connection.execute(
        text("""
            with refused as (
                select b.run, b.booking, a.code
                from json_to_recordset(:rows) as a (booking uuid, command text, code text)
                join expiry.run_bookings b on b.booking = a.booking and b.answer is null
                where a.code <> 'stale-command' and (b.command = a.command or exists (
                    select from expiry.emissions e where e.booking = a.booking and e.command = a.command and e.version = b.version))
                order by b.booking, b.run for update of b)
            update expiry.run_bookings b set answer = 'rejected', code = refused.code
            from refused where b.run = refused.run and b.booking = refused.booking returning b.command"""),
        {"rows": rows_json(rows)},
    )
    return sum(row.command is not None for row in noted)


async def note_maintained(connection: AsyncConnection, cancelled: Iterable[tuple[UUID, datetime]]) -> int:
    """Note bookings that were cancelled for maintenance; return how many commands that answers."""
    noted = await connection.execute(
        text("""
            with maintained as (
                select b.run, b.booking, c.cancelled_at
                from json_to_recordset(:rows) as c (booking uuid, cancelled_at timestamptz)
                join expiry.run_bookings b on b.booking = c.booking and b.answer is null
                join expiry.runs on runs.id = b.run and runs.mode = 'maintenance'
                order by b.booking, b.run for update of b)
            update expiry.run_bookings b set answer = 'cancelled', cancelled_at = maintained.cancelled_at
            from maintained where b.run = maintained.run and b.booking = maintained.booking returning b.command"""),
        {"rows": rows_json({"booking": booking, "cancelled_at": at} for booking, at in cancelled)},
    )
    return sum(row.command is not None for row in noted)
