"""What the database says about how the system does. A schema that is not there yet has no figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.booking.reports import rates
from services.runtime.db import open_direct_engine
from services.runtime.outbox import Backlog, backlog


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and rates; None where they are unknown."""

    outbox: Backlog | None = None
    due: int | None = None
    parked: int | None = None
    completion: str | None = None
    auto_cancellation: str | None = None
    redating: tuple[int, int] | None = None


async def figures(url: str, now: datetime) -> Figures:
    """Read the figures at the business instant `now`. Raises SQLAlchemyError, OSError."""
    engine = open_direct_engine(url, name="sewa-status")
    try:
        async with engine.connect() as connection:
            return await _read(connection, now)
    finally:
        await engine.dispose()


async def _read(connection: AsyncConnection, now: datetime) -> Figures:
    tables = set(await connection.scalars(text("select schemaname || '.' || tablename from pg_tables")))
    outboxes = [await backlog(connection, t.partition(".")[0]) for t in sorted(tables) if t.endswith(".outbox")]
    total = Backlog(sum(o.pending for o in outboxes), max(o.oldest_seconds for o in outboxes)) if outboxes else None
    due = await _count(connection, "expiry.deadlines", "expires_at <= :now", {"now": now}) if "expiry.deadlines" in tables else None
    parked = await _count(connection, "booking.parked") if "booking.parked" in tables else None
    both = await rates(connection) if "booking.figure_totals" in tables else (None, None)
    return Figures(total, due, parked, *both, await _redating(connection) if "expiry.redatings" in tables else None)


async def _redating(connection: AsyncConnection) -> tuple[int, int] | None:
    """Return how many open bookings are dated anew of how many, while other policies are being followed."""
    latest = await connection.execute(text("select changed, total, ended_at from expiry.redatings order by number desc limit 1"))
    row = latest.one_or_none()
    return (row.changed, row.total or 0) if row is not None and row.ended_at is None else None


async def _count(connection: AsyncConnection, table: str, where: str = "true", values: Mapping[str, object] | None = None) -> int:
    return int(await connection.scalar(text(f"select count(*) from {table} where {where}"), values or {}) or 0)
