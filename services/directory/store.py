"""The SQL of bookings as suggestions need them, and of what was answered. Every statement covers a batch, in the order of keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.facts import Booking, Figures
from services.directory.slots import Interval
from services.directory.tables import SCHEMA
from services.runtime import outbox
from services.runtime.db import cells, rows_json
from services.runtime.outbox import Outgoing

BOOKING = tuple(field.name for field in fields(Booking))
FACTS = tuple(name for name in BOOKING if name != "id")
FIGURES = tuple(field.name for field in fields(Figures))
Answer = tuple[UUID, str]


async def take_turns(connection: AsyncConnection, group: str, partitions: Iterable[int]) -> None:
    """Let nobody else settle records of these partitions until the transaction ends: two that did would count figures twice."""
    await connection.execute(
        text("""
            select pg_advisory_xact_lock(hashtextextended(:group, k.partition))
            from (select unnest(cast(:partitions as int[])) as partition order by 1) k"""),
        {"group": f"{SCHEMA}:{group}", "partitions": sorted(set(partitions))},
    )


async def load_bookings(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Booking]:
    """Return the bookings that are known, by id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await connection.execute(
        text(f"""
            select {", ".join(BOOKING)} from directory.bookings
            where id = any(cast(:ids as uuid[])) and id between :least and :greatest"""),
        {"ids": wanted, "least": wanted[0], "greatest": wanted[-1]},
    )
    return {row.id: Booking(*row) for row in rows}


async def save_bookings(connection: AsyncConnection, before: Mapping[UUID, Booking], after: Sequence[Booking]) -> None:
    """Write `after`, the time it takes, and what it adds to its providers' figures, given what was known `before`."""
    if not after:
        return
    await connection.execute(
        text(f"""
            insert into directory.bookings as b ({", ".join(BOOKING)})
            select {", ".join(BOOKING)} from json_populate_recordset(null::directory.bookings, :rows) order by id
            on conflict (id) do update set ({", ".join(FACTS)}) = ({", ".join(f"excluded.{name}" for name in FACTS)})
            where b.version < excluded.version"""),
        {"rows": rows_json(after)},
    )
    await _save_slots(connection, after)
    await _add_figures(connection, before, after)


async def _save_slots(connection: AsyncConnection, bookings: Sequence[Booking]) -> None:
    closed = sorted(booking.id for booking in bookings if not booking.takes_time)
    await connection.execute(
        text("""
            delete from directory.slots where booking in (
                select booking from directory.slots where booking = any(cast(:ids as uuid[])) order by booking for update)"""),
        {"ids": closed},
    )
    rows = [
        {"booking": b.id, "provider": b.provider, "status": b.status, "begins_at": b.booking_date, "ends_at": b.ends_at}
        for b in bookings
        if b.takes_time
    ]
    await connection.execute(
        text("""
            insert into directory.slots (booking, provider, status, begins_at, ends_at)
            select booking, provider, status, begins_at, ends_at from json_populate_recordset(null::directory.slots, :rows) order by booking
            on conflict (booking) do update set (provider, status, begins_at, ends_at)
                = (excluded.provider, excluded.status, excluded.begins_at, excluded.ends_at)"""),
        {"rows": rows_json(rows)},
    )


async def _add_figures(connection: AsyncConnection, before: Mapping[UUID, Booking], after: Iterable[Booking]) -> None:
    added: dict[UUID, Figures] = {}
    for booking in after:
        change = Figures.of(booking) - Figures.of(before.get(booking.id))
        if change != Figures():
            added[booking.provider] = added.get(booking.provider, Figures()) + change
    if added:
        await connection.execute(
            text(f"""
                insert into directory.figures as f (provider, {", ".join(FIGURES)})
                select provider, {", ".join(FIGURES)} from json_populate_recordset(null::directory.figures, :rows) order by provider
                on conflict (provider) do update set ({", ".join(FIGURES)}) = ({", ".join(f"f.{n} + excluded.{n}" for n in FIGURES)})"""),
            {"rows": rows_json({"provider": provider, **cells(figures)} for provider, figures in added.items())},
        )


async def hit_by(connection: AsyncConnection, periods: Sequence[tuple[UUID, Interval]]) -> list[tuple[int, Booking]]:
    """Return (index, booking) for each of `periods` of a provider and each pending or confirmed booking that it overlaps."""
    rows = [{"n": n, "provider": provider, **cells(period)} for n, (provider, period) in enumerate(periods)]
    hits = await connection.execute(
        text("""
            select k.n, s.booking
            from json_to_recordset(:rows) as k (n int, provider uuid, begins_at timestamptz, ends_at timestamptz)
            join directory.slots s on s.provider = k.provider and s.begins_at < k.ends_at and s.ends_at > k.begins_at
            where s.status in ('pending', 'confirmed') order by s.booking, k.n"""),
        {"rows": rows_json(rows)},
    )
    found = hits.all()
    bookings = await load_bookings(connection, (row.booking for row in found))
    return [(row.n, bookings[row.booking]) for row in found]


async def remember(connection: AsyncConnection, answers: Iterable[Answer]) -> set[Answer]:
    """Note that bookings are answered about causes, for ever; return the (booking, cause) that were not before."""
    wanted = sorted(set(answers))
    if not wanted:
        return set()
    inserted = await connection.execute(
        text("""
            insert into directory.answers (booking, cause)
            select booking, cause from json_populate_recordset(null::directory.answers, :rows) order by booking, cause
            on conflict do nothing returning booking, cause"""),
        {"rows": rows_json({"booking": booking, "cause": cause} for booking, cause in wanted)},
    )
    return {(row.booking, row.cause) for row in inserted}


async def waiting(connection: AsyncConnection, limit: int) -> list[Outgoing]:
    """Return the oldest commands that wait to be published, in order."""
    return await outbox.waiting(connection, SCHEMA, limit)
