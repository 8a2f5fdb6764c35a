"""Monthly partitions of tables that grow with bookings, keyed by the time part of UUIDv7 ids, made before they are needed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.ids import booking_instant

MONTHS_AHEAD = 3


def month_of(day: date) -> date:
    """Return the first day of the month of `day`."""
    return date(day.year, day.month, 1)


def following(month: date) -> date:
    """Return the month after `month`."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def lowest_id(month: date) -> UUID:
    """Return the least UUIDv7-ordered id of `month`: its instant in milliseconds, then zeros."""
    milliseconds = int(datetime(month.year, month.month, 1, tzinfo=UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


def months_ahead(first: date, today: date) -> list[date]:
    """Return every month from `first` to three after that of `today`."""
    months, last = [month_of(first)], month_of(today)
    for _ in range(MONTHS_AHEAD):
        last = following(last)
    while months[-1] < last:
        months.append(following(months[-1]))
    return months


class Partitions:
    """Keeps the partitions of one schema's tables."""

    def __init__(self, engine: AsyncEngine, schema: str, tables: Sequence[tuple[str, str]], storage: str = "") -> None:
        """Keep `tables`, given as (name, key column); `storage` is PostgreSQL's `with (…)` clause of their partitions."""
        self._engine, self._schema, self._tables, self._storage = engine, schema, tables, storage
        self._known: set[date] = set()

    async def ensure(self, months: Iterable[date]) -> None:
        """Make what is missing, a month at a time, each in a transaction of its own."""
        for month in sorted(set(months) - self._known):
            async with self._engine.begin() as connection:
                await connection.execute(
                    text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"partitions:{self._schema}"}
                )
                for table, key in self._tables:
                    await self._make(connection, table, key, month)
            self._known.add(month)

    async def ensure_for(self, ids: Iterable[UUID]) -> None:
        """Make the partitions that rows with these ids need."""
        await self.ensure(month_of(booking_instant(i).date()) for i in ids)

    async def _make(self, connection: AsyncConnection, table: str, key: str, month: date) -> None:
        """Create the table apart and attach it: creating it in place would lock its parent against every batch."""
        parent, child = f"{self._schema}.{table}", f"{self._schema}.{table}_{month:%Y_%m}"
        if await connection.scalar(text("select to_regclass(:child) is not null"), {"child": child}):
            return
        low, high = lowest_id(month), lowest_id(following(month))
        within = f"constraint within check ({key} >= '{low}' and {key} < '{high}')"
        await connection.execute(text(f"create table {child} (like {parent} including all, {within}) {self._storage}"))
        await connection.execute(text(f"alter table {parent} attach partition {child} for values from ('{low}') to ('{high}')"))
        await connection.execute(text(f"alter table {child} drop constraint within"))
