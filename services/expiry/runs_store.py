"""SQL over runs and their bookings. Runs are few and kept for a while only, so these tables have no partitions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry.runs import Counts, Found, Mode, Outcome, Run, Selection, Status
from services.expiry.store import Mark
from services.runtime.db import rows_json

KEPT_FOR = timedelta(days=90)
CHUNK = 5000
SELECTION = ("as_of", "mode", "category")
OWN = tuple(name for name in Run.__slots__ if name != "selection")
COLUMNS = ", ".join((*OWN, *SELECTION))


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction at a time begin a run."""
    await connection.execute(text("select pg_advisory_xact_lock(hashtextextended('expiry:begin-run', 0))"))


async def held(connection: AsyncConnection) -> Run | None:
    """Return the run that waits for approval."""
    rows = await connection.execute(text(f"select {COLUMNS} from expiry.runs where status = 'waiting_approval'"))
    return next(map(_run, rows), None)


async def read(connection: AsyncConnection, run: UUID) -> Run | None:
    """Return a run, if there is one of this id."""
    rows = await connection.execute(text(f"select {COLUMNS} from expiry.runs where id = :run"), {"run": run})
    return next(map(_run, rows), None)


async def latest(connection: AsyncConnection, status: Status | None, limit: int) -> list[Run]:
    """Return the newest runs, of one status or of any."""
    rows = await connection.execute(
        text(
            f"select {COLUMNS} from expiry.runs where status = coalesce(:status, status) order by requested_at desc, id desc limit :limit"
        ),
        {"status": status, "limit": limit},
    )
    return [_run(row) for row in rows]


async def under_way(connection: AsyncConnection) -> list[Run]:
    """Return the runs that are to be carried out, the oldest first."""
    rows = await connection.execute(text(f"select {COLUMNS} from expiry.runs where status = 'running' order by requested_at, id"))
    return [_run(row) for row in rows]


async def begin(connection: AsyncConnection, run: Run, found: Sequence[Found]) -> None:
    """Enter a run with what it is about, and forget runs that ended long ago."""
    await connection.execute(text("delete from expiry.runs where ended_at < :before"), {"before": run.requested_at - KEPT_FOR})
    row = {**{name: getattr(run, name) for name in OWN}, **asdict(run.selection)}
    names = ", ".join(f":{name}" for name in row)
    await connection.execute(text(f"insert into expiry.runs ({', '.join(row)}) values ({names})"), row)
    for start in range(0, len(found), CHUNK):
        rows = ({"booking": f.entry.booking, "version": f.entry.version, "expires_at": f.expires_at} for f in found[start:][:CHUNK])
        await connection.execute(
            text("""
                insert into expiry.run_bookings (run, booking, version, expires_at)
                select :run, booking, version, expires_at from json_populate_recordset(null::expiry.run_bookings, :rows)"""),
            {"run": run.id, "rows": rows_json(rows)},
        )


async def approve(connection: AsyncConnection, run: UUID, by: str, now: datetime) -> bool:
    """Let a run that waits go on; False where it does not wait."""
    approved = await connection.execute(
        text("""
            update expiry.runs set status = 'running', approved_by = :by, approved_at = :now
            where id = :run and status = 'waiting_approval'"""),
        {"run": run, "by": by, "now": now},
    )
    return approved.rowcount == 1


async def end(connection: AsyncConnection, run: UUID, status: Status, now: datetime) -> bool:
    """End a run under way; what has no answer stays so. False where it ended already."""
    ended = await connection.execute(
        text("update expiry.runs set status = :status, ended_at = :now where id = :run and status = 'running'"),
        {"run": run, "status": status, "now": now},
    )
    if ended.rowcount:
        await connection.execute(
            text("update expiry.run_bookings set answer = 'unanswered' where run = :run and answer is null"), {"run": run}
        )
    return bool(ended.rowcount)


async def counts(connection: AsyncConnection, runs: Sequence[UUID]) -> dict[UUID, Counts]:
    """Count the bookings of some runs by what became of them."""
    rows = await connection.execute(
        text("""
            select run, count(*) as found, count(*) filter (where answer = 'cancelled') as cancelled,
                count(*) filter (where answer = 'rejected') as rejected
            from expiry.run_bookings where run = any(cast(:runs as uuid[])) group by run"""),
        {"runs": list(runs)},
    )
    found = {row.run: Counts(row.found, row.cancelled, row.rejected) for row in rows}
    return {run: found.get(run, Counts(0, 0, 0)) for run in runs}


async def outcomes(connection: AsyncConnection, run: UUID, after: Mark, limit: int) -> list[Outcome]:
    """Return what became of the bookings of a run, in the order of their deadlines."""
    rows = await connection.execute(
        text("""
            select booking, expires_at, coalesce(answer, 'unanswered') as answer, code, cancelled_at from expiry.run_bookings
            where run = :run and (expires_at, booking) > (:after, :booking) order by expires_at, booking limit :limit"""),
        {"run": run, "after": after.at, "booking": after.booking, "limit": limit},
    )
    return [Outcome(**row._mapping) for row in rows]


async def claimed(connection: AsyncConnection) -> set[UUID]:
    """Return the bookings that runs have no answer of yet."""
    return {row.booking for row in await connection.execute(text("select booking from expiry.run_bookings where answer is null"))}


async def count_due(connection: AsyncConnection, now: datetime, at_most: int | None) -> int:
    """Count the entries past their stored deadline that no run is about, `at_most` so many."""
    counted = await connection.scalar(
        text("""
            select count(*) from (
                select from expiry.deadlines d where d.expires_at <= :now
                    and not exists (select from expiry.run_bookings r where r.booking = d.booking and r.answer is null)
                limit :at_most) as due"""),
        {"now": now, "at_most": at_most},
    )
    return int(counted or 0)


async def count_open(connection: AsyncConnection, mode: Mode) -> int:
    """Count the bookings that such runs could be about at some time."""
    created = " + (select count(*) from expiry.deadlines where status = 'created')" if mode == "maintenance" else ""
    statement = f"select count(*){created} from expiry.deadlines where status in ('pending', 'confirmed')"
    return int(await connection.scalar(text(statement)) or 0)


async def created(connection: AsyncConnection, now: datetime, after: UUID, limit: int) -> list[UUID]:
    """Return bookings that are not submitted though their booking_date is past, in the order of their ids."""
    rows = await connection.execute(
        text("""
            select booking from expiry.deadlines
            where status = 'created' and booking_date < :now and booking > :after order by booking limit :limit"""),
        {"now": now, "after": after, "limit": limit},
    )
    return [row.booking for row in rows]


def _run(row: Row[Any]) -> Run:
    columns = row._mapping
    return Run(**{name: columns[name] for name in OWN}, selection=Selection(**{name: columns[name] for name in SELECTION}))
