"""Passes that date open bookings anew: SQL over the deadline index, and what is remembered of each pass."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry.plan import EARLIEST, LATEST, Plan, Span
from services.expiry.store import COLUMNS, Entry, entry_of
from services.runtime.db import rows_json

LOCK = "hashtextextended('expiry:dating', 0)"
OPEN = "d.status in ('pending', 'confirmed')"
SPANS = """
    json_to_recordset(:spans) as s (category text, since timestamptz, before timestamptz, dated_by text, simple boolean,
        grace interval, quiet interval, leads interval[])"""
STALE = f"""
    {SPANS} on s.category = case when d.category = any(cast(:named as text[])) then d.category else '' end
        and d.created_at >= s.since and d.created_at < s.before and d.dated_by <> s.dated_by"""
CHUNK = f"{OPEN} and d.booking > :after and d.booking <= :until"


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk over the open bookings, in the order of their ids up to `mark`; `total` counts those that it concerned at the start."""

    number: int
    plan: str
    as_of: datetime
    total: int | None
    seen: int
    changed: int
    mark: UUID | None
    began_at: datetime
    ended_at: datetime | None


async def latest(connection: AsyncConnection) -> Pass | None:
    """Return the latest pass."""
    row = (
        await connection.execute(
            text("""
            select number, plan, as_of, total, seen, changed, mark, began_at, ended_at
            from expiry.redatings order by number desc limit 1""")
        )
    ).one_or_none()
    return Pass(**row._mapping) if row else None


async def share(connection: AsyncConnection) -> None:
    """Let no pass begin until the transaction ends: what it dates is dated either before a pass, which sees it, or by its rules."""
    await connection.execute(text(f"select pg_advisory_xact_lock_shared({LOCK})"))


async def begin(connection: AsyncConnection, plan: Plan, as_of: datetime, host_now: datetime) -> None:
    """Begin a pass once everybody who dates bookings at this moment is done."""
    await connection.execute(text(f"select pg_advisory_xact_lock({LOCK})"))
    await connection.execute(
        text("""
            insert into expiry.redatings (plan, as_of, seen, changed, began_at) values (:plan, :as_of, 0, 0, :began_at)"""),
        {"plan": plan.text, "as_of": as_of, "began_at": host_now},
    )


async def record(connection: AsyncConnection, state: Pass) -> None:
    """Write how far a pass is."""
    await connection.execute(
        text("""
            update expiry.redatings set total = :total, seen = :seen, changed = :changed, mark = :mark, ended_at = :ended_at
            where number = :number"""),
        {name: getattr(state, name) for name in ("number", "total", "seen", "changed", "mark", "ended_at")},
    )


async def count_stale(connection: AsyncConnection, plan: Plan) -> int:
    """Count the open bookings that `plan` dates by another rule than they are dated by."""
    return int(await connection.scalar(text(f"select count(*) from expiry.deadlines d join {STALE} where {OPEN}"), _spans(plan)) or 0)


async def chunk(connection: AsyncConnection, after: UUID, size: int) -> tuple[int, UUID | None]:
    """Return how many open bookings follow `after` in the order of ids, `size` at most, and the last of them."""
    row = (
        await connection.execute(
            text(f"""
            select count(*), (array_agg(booking order by booking desc))[1] from (
                select booking from expiry.deadlines d where {OPEN} and booking > :after order by booking limit :size) as chunk"""),
            {"after": after, "size": size},
        )
    ).one()
    return row[0], row[1]


async def redate(connection: AsyncConnection, plan: Plan, after: UUID, until: UUID, at: datetime) -> int:
    """Date anew what follows a rule that counts hours only, in one statement; return how many were dated by another rule before.

    It equals `Entry.dated_anew` of each. Locked ones are being dated by whoever locks them.
    """
    result = await connection.execute(
        text(f"""
            with stale as (
                select d.booking, d.status, d.expires_at, d.next_reminder_at, d.reminded_until, s.dated_by, s.leads,
                    greatest(d.booking_date + s.grace, d.last_status_update_at + s.quiet) as due
                from expiry.deadlines d join {STALE} where s.simple and {CHUNK} order by d.booking for update of d skip locked),
            dated as (select stale.*, {_next_reminder("reminded_until")} as reminder from stale),
            moved as (
                select dated.*, (due, reminder) is distinct from (expires_at, next_reminder_at) as moved,
                    {_next_reminder("cast(:at as timestamptz)")} as later from dated)
            update expiry.deadlines d set expires_at = m.due, dated_by = m.dated_by,
                reminded_until = case when m.moved then :at else m.reminded_until end,
                next_reminder_at = case when m.moved then m.later else m.reminder end
            from moved m where d.booking = m.booking and d.booking > :after and d.booking <= :until"""),
        {**_spans(plan), "after": after, "until": until, "at": at},
    )
    return result.rowcount


def _next_reminder(after: str) -> str:
    """Return the expression of the first reminder of a pending request later than `after`."""
    return f"case when status = 'pending' then (select min(due - lead) from unnest(leads) as lead where due - lead > {after}) end"


async def others(connection: AsyncConnection, plan: Plan, after: UUID, until: UUID) -> list[Entry]:
    """Lock and return what follows a rule that counts working days, for the rule itself to date it."""
    columns = ", ".join(f"d.{name}" for name in COLUMNS.split(", "))
    rows = await connection.execute(
        text(f"""
            select {columns} from expiry.deadlines d join {STALE} where not s.simple and {CHUNK}
            order by d.booking for update of d skip locked"""),
        {**_spans(plan), "after": after, "until": until},
    )
    return [entry_of(row) for row in rows]


def _spans(plan: Plan) -> dict[str, object]:
    return {"spans": rows_json(map(_span, plan.spans)), "named": plan.named}


def _span(span: Span) -> dict[str, object]:
    policy = span.rule.policy
    return {
        "category": span.category,
        "since": "-infinity" if span.since == EARLIEST else span.since,
        "before": "infinity" if span.before == LATEST else span.before,
        "dated_by": span.dated_by,
        "simple": policy.adjust == "none",
        "grace": interval(policy.grace_hours),
        "quiet": interval(policy.quiet),
        "leads": [interval(hours) for hours in policy.reminders],
    }


def interval(hours: float) -> str:
    """Return hours as PostgreSQL reads them, rounded as Python does."""
    return f"{timedelta(hours=hours) // timedelta(microseconds=1)} microseconds"
