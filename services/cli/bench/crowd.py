"""Open bookings by the million, put straight into the deadline index of a database: nobody would wait for as many events."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.db import open_direct_engine

MADE_OVER = timedelta(days=150)
DUE_OVER = timedelta(days=60)
AT_ONCE = 100_000
REACHED = "select expires_at from expiry.deadlines where expires_at is not null order by expires_at, booking offset :before limit 1"
DUE = "select booking from expiry.deadlines where expires_at <= :now"
MONTHS = "select inhrelid::regclass::text from pg_inherits where inhparent = 'expiry.deadlines'::regclass order by 1"
POPULATE = """
    insert into expiry.deadlines
        (booking, version, status, category, booking_date, created_at, expires_at, dated_by, next_reminder_at)
    select uuidv7(created - clock_timestamp()), 2, status, 'cleaning', due - interval '24 hours', created, due, :dated_by,
        case status when 'pending' then due - interval '2 hours' end
    from (select
            cast(:opens as timestamptz) - cast(:made_over as interval) * (1 - n / cast(:number as float8)) as created,
            cast(:opens as timestamptz) + cast(:due_over as interval) * (0.001 + random()) as due,
            case n % 2 when 0 then 'pending' else 'confirmed' end as status
        from generate_series(cast(:first as bigint), cast(:last as bigint)) n) bookings"""
POSTPONE = """
    update expiry.deadlines d set version = version + 1, booking_date = booking_date + later, expires_at = expires_at + later,
        next_reminder_at = next_reminder_at + later
    from (select booking, cast(:due_over as interval) as later from unnest(cast(:ids as uuid[])) as booking) as moved
    where d.booking = moved.booking and d.booking between :least and :greatest"""


def first_month(opens: datetime) -> date:
    """Return a day of the month in which the oldest booking was made."""
    return (opens - MADE_OVER).date()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    """Yield a connection on which every statement is a transaction, as the scan's is."""
    engine = open_direct_engine(url, name="sewa-bench")
    try:
        async with engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        await engine.dispose()


async def populate(connection: AsyncConnection, opens: datetime, number: int, dated_by: str = "bench") -> None:
    """Enter `number` bookings made over five months, of which none is due at `opens`, and all are within the next sixty days."""
    spans = {"opens": opens, "made_over": MADE_OVER, "due_over": DUE_OVER, "number": number, "dated_by": dated_by}
    for first in range(1, number + 1, AT_ONCE):
        await connection.execute(text(POPULATE), {**spans, "first": first, "last": min(number, first + AT_ONCE - 1)})
    for month in (await connection.scalars(text(MONTHS))).all():
        await connection.execute(text(f"vacuum (analyze) {month}"))
    await connection.execute(text("checkpoint"))


async def due_after(connection: AsyncConnection, number: int) -> datetime:
    """Return the instant at which `number` bookings are due."""
    instant: datetime = (await connection.execute(text(REACHED), {"before": number - 1})).scalar_one()
    return instant


async def due(connection: AsyncConnection, now: datetime) -> list[UUID]:
    """Return the bookings that are due at `now`."""
    return list((await connection.scalars(text(DUE), {"now": now})).all())


async def postpone(connection: AsyncConnection, bookings: Collection[UUID]) -> None:
    """Move bookings to the end of the index, and forget that the scan asked for them: as many are open as before, and none is due."""
    ids = sorted(bookings)
    given: dict[str, Any] = {"ids": ids, "least": ids[0], "greatest": ids[-1], "due_over": DUE_OVER}
    await connection.execute(text(POSTPONE), given)
    await connection.execute(text("truncate expiry.emissions"))
