"""The SQL of people, services, hours and leave: the latest word counts, and who is erased stays erased."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.tables import HOURS, LEAVE, PEOPLE, SERVICES
from services.runtime.db import rows_json

TABLES = {"service": SERVICES, "hours": HOURS, "leave": LEAVE}
OF_THE_ERASED = "exists (select from directory.people p where p.id = r.provider and p.changed_at = 'infinity')"
Rows = Sequence[Mapping[str, object]]


async def save_people(connection: AsyncConnection, rows: Rows) -> None:
    """Write people, in order; who is erased has `changed_at` infinity."""
    await _save_newest(connection, PEOPLE, rows)


async def save_services(connection: AsyncConnection, rows: Rows) -> None:
    """Write services, in order."""
    await _save_newest(connection, SERVICES, rows)


async def save_hours(connection: AsyncConnection, rows: Rows) -> None:
    """Write providers' weeks, in order, except of the erased."""
    await _save_newest(connection, HOURS, rows, f"where not {OF_THE_ERASED}")


async def save_leave(connection: AsyncConnection, rows: Rows) -> None:
    """Write leave, in order, except of the erased; a leave that was removed has no dates."""
    await _save_newest(connection, LEAVE, rows, f"where not {OF_THE_ERASED}")


async def _save_newest(connection: AsyncConnection, table: Table, rows: Rows, condition: str = "") -> None:
    """Let the latest `changed_at` win, then the last row: a relay that was cut off may repeat an old message after a newer one."""
    if not rows:
        return
    key, *columns = [column.name for column in table.columns]
    await connection.execute(
        text(f"""
            insert into {table} as t ({key}, {", ".join(columns)})
            select distinct on ({key}) {key}, {", ".join(columns)} from json_populate_recordset(null::{table}, :rows) with ordinality as r
            {condition} order by {key}, changed_at desc, ordinality desc
            on conflict ({key}) do update set ({", ".join(columns)}) = ({", ".join(f"excluded.{c}" for c in columns)})
            where t.changed_at <= excluded.changed_at"""),
        {"rows": rows_json(rows)},
    )


async def erase(connection: AsyncConnection, people: Iterable[str]) -> None:
    """Forget the hours and leave of people; their own rows are emptied by `save_people`."""
    ids = sorted(people)
    await _delete(connection, HOURS, "provider", ids)
    await _delete(connection, LEAVE, "provider", ids)


async def forget(connection: AsyncConnection, kind: str, ids: Iterable[str]) -> None:
    """Delete the services, hours or leave under these keys."""
    table = TABLES[kind]
    await _delete(connection, table, _key(table), sorted(ids))


async def _delete(connection: AsyncConnection, table: Table, column: str, ids: Sequence[str]) -> None:
    if not ids:
        return
    key = _key(table)
    await connection.execute(
        text(f"""
            delete from {table} where {key} in (
                select {key} from {table} where {column} = any(cast(:ids as uuid[])) order by {key} for update)"""),
        {"ids": ids},
    )


def _key(table: Table) -> str:
    """Return the column that names a row; it is the first one."""
    return next(iter(table.columns)).name
