"""SQL for messages that arrive before their booking: kept in arrival order until it comes, or until they are orphans."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.message import Message
from contracts.sources import Sources
from contracts.values import LATEST, Contract
from contracts.wire import decode
from services.runtime.db import rows_json
from services.runtime.outbox import hexed, storable_headers, stored_headers
from services.runtime.outcomes import Record


class Admitted(Sources):
    """Who was let in on arrival is not asked again."""

    def allows(self, source: str, actor: Actor) -> bool:  # noqa: ARG002 - everybody
        """Return True."""
        return True


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits for its booking, and the record it came as."""

    position: int
    record: Record
    message: Message[Contract]


async def park(connection: AsyncConnection, waiting: Sequence[tuple[UUID, Record]], now: datetime) -> None:
    """Keep the records until their booking arrives, in arrival order, from the business instant `now`."""
    rows = [{"n": n, "booking": booking, **_storable(record)} for n, (booking, record) in enumerate(waiting)]
    if rows:
        await connection.execute(
            text("""
                insert into booking.parked (booking, parked_at, topic, partition, "offset", timestamp, headers, value)
                select booking, :now, topic, partition, "offset", timestamp, headers, value
                from json_to_recordset(:rows) as r (n int, booking uuid, topic text, partition int, "offset" bigint, timestamp bigint,
                    headers jsonb, value bytea) order by n"""),
            {"rows": rows_json(rows), "now": now},
        )


def _storable(r: Record) -> dict[str, object]:
    place = {"topic": r.topic, "partition": r.partition, "offset": r.offset, "timestamp": r.timestamp}
    return {**place, "headers": storable_headers(r.headers), "value": hexed(r.value)}


async def parked_for(connection: AsyncConnection, bookings: Iterable[UUID]) -> list[Parked]:
    """Lock and return what waits for these bookings, in arrival order."""
    rows = await connection.execute(
        text("select * from booking.parked where booking = any(cast(:ids as uuid[])) order by position for update"),
        {"ids": sorted(set(bookings))},
    )
    return [_parked(row) for row in rows]


async def parked_since(connection: AsyncConnection, instant: datetime, limit: int) -> list[Parked]:
    """Lock and return what has waited in vain since `instant` or longer, oldest first; what another process holds is left to it."""
    rows = await connection.execute(
        text("""
            select * from booking.parked p
            where parked_at <= :instant and not exists (select from booking.bookings b where b.id = p.booking)
            order by position limit :limit for update skip locked"""),
        {"instant": instant, "limit": limit},
    )
    return [_parked(row) for row in rows]


async def arrived(connection: AsyncConnection, limit: int) -> list[UUID]:
    """Return bookings that exist and that something is parked for."""
    rows = await connection.scalars(
        text("select distinct p.booking from booking.parked p join booking.bookings b on b.id = p.booking limit :limit"), {"limit": limit}
    )
    return list(rows)


async def unpark(connection: AsyncConnection, positions: Sequence[int]) -> None:
    """Forget parked messages that met their fate."""
    if positions:
        await connection.execute(
            text("delete from booking.parked where position = any(cast(:positions as bigint[]))"), {"positions": sorted(positions)}
        )


async def count_parked(connection: AsyncConnection) -> int:
    """Return how many messages wait for their booking."""
    return int(await connection.scalar(text("select count(*) from booking.parked")))


def _parked(row: Any) -> Parked:
    key, headers = str(row.booking).encode(), stored_headers(row.headers)
    record = Record(row.topic, row.partition, row.offset, row.timestamp, key, row.value, headers)
    message = decode(record.topic, key, headers, record.value, sources=Admitted(), host_now=LATEST)
    return Parked(row.position, record, cast(Message[Contract], message))
