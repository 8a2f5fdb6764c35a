"""The SQL of what letters are written from: bookings, people, and the names of services."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.facts import Booking, Person
from services.runtime.db import rows_json

BOOKING = tuple(field.name for field in fields(Booking))
PERSON = tuple(field.name for field in fields(Person))
FACTS = tuple(name for name in BOOKING if name != "id")


async def load_bookings(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Booking]:
    """Return the bookings that are known, by id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await connection.execute(
        text(f"""
            select {", ".join(BOOKING)} from notifier.bookings
            where id = any(cast(:ids as uuid[])) and id between :least and :greatest"""),
        {"ids": wanted, "least": wanted[0], "greatest": wanted[-1]},
    )
    return {row.id: Booking(*row) for row in rows}


async def save_bookings(connection: AsyncConnection, bookings: Iterable[Booking]) -> None:
    """Write `bookings`, except over a later version."""
    if rows := list(bookings):
        await connection.execute(
            text(f"""
                insert into notifier.bookings as b ({", ".join(BOOKING)})
                select {", ".join(BOOKING)} from json_populate_recordset(null::notifier.bookings, :rows) order by id
                on conflict (id) do update set ({", ".join(FACTS)}) = ({", ".join(f"excluded.{name}" for name in FACTS)})
                where b.version < excluded.version"""),
            {"rows": rows_json(rows)},
        )


async def load_people(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Return the people who are known, by id."""
    rows = await connection.execute(
        text(f"select {', '.join(PERSON)} from notifier.people where id = any(cast(:ids as uuid[]))"), {"ids": sorted(set(ids))}
    )
    return {row.id: Person(**row._mapping) for row in rows}


async def save_people(connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> None:
    """Write what became of people, in order; who was erased, at `infinity`, stays erased whatever comes later."""
    columns = ("role", "name", "email", "language", "timezone", "active", "changed_at")
    await _save_newest(connection, "people", columns, rows)


async def save_services(connection: AsyncConnection, rows: Sequence[Mapping[str, object]]) -> None:
    """Write the names of services, in order."""
    await _save_newest(connection, "services", ("name", "changed_at"), rows)


async def _save_newest(connection: AsyncConnection, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Let the latest `changed_at` win, then the last row: a relay that was cut off may repeat an old message after a newer one."""
    if not rows:
        return
    await connection.execute(
        text(f"""
            insert into notifier.{table} as t (id, {", ".join(columns)})
            select distinct on (id) id, {", ".join(columns)}
            from json_populate_recordset(null::notifier.{table}, :rows) with ordinality as r order by id, changed_at desc, ordinality desc
            on conflict (id) do update set ({", ".join(columns)}) = ({", ".join(f"excluded.{c}" for c in columns)})
            where t.changed_at <= excluded.changed_at"""),
        {"rows": rows_json(rows)},
    )


async def load_services(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of the services that are known, by id."""
    rows = await connection.execute(
        text("select id, name from notifier.services where id = any(cast(:ids as uuid[]))"), {"ids": sorted(ids)}
    )
    return {row.id: row.name for row in rows}
