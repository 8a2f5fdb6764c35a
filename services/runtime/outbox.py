"""What waits to be published: rows written in the transaction of the effect, deleted when Kafka has acknowledged them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Sequence as DatabaseSequence, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Headers
from services.runtime.db import rows_json

MAX_VALUE = 512 * 1024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish. `position` orders it among the rows of its key."""

    position: int
    topic: str
    key: bytes | None
    headers: Headers
    value: bytes | None


def outbox_table(metadata: MetaData, *extra: Column[object]) -> Table:
    """Declare the outbox of one service; `extra` columns point into its event log."""
    DatabaseSequence("positions", metadata=metadata)
    return Table(
        "outbox",
        metadata,
        Column(
            "position", BigInteger, primary_key=True, server_default=text(f"nextval('{metadata.schema}.positions')"), autoincrement=False
        ),
        Column("topic", Text, nullable=False),
        Column("key", LargeBinary),
        Column("headers", JSONB),
        Column("value", LargeBinary),
        Column("queued_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
        *extra,
    )


def outgoing(message: Message[Contract], position: int = 0) -> Outgoing:
    """Return `message` as a record of its topic. Raises ValueError when it is larger than any topic takes."""
    value = message.value()
    if len(value) > MAX_VALUE:
        error = f"{message.name} of {len(value)} bytes is over the {MAX_VALUE} bytes of one record"
        raise ValueError(error)
    return Outgoing(position, message.topic, message.key(), message.headers(), value)


async def append(connection: AsyncConnection, schema: str, records: Iterable[Outgoing]) -> None:
    """Queue `records`, in order, with their own payload."""
    rows = [_row(n, record) for n, record in enumerate(records)]
    if rows:
        await connection.execute(
            text(f"""
                insert into {schema}.outbox (topic, key, headers, value)
                select topic, key, headers, value
                from json_to_recordset(:rows) as r (n int, topic text, key bytea, headers jsonb, value bytea) order by n"""),
            {"rows": rows_json(rows)},
        )


def _row(n: int, record: Outgoing) -> dict[str, object]:
    return {
        "n": n,
        "topic": record.topic,
        "key": hexed(record.key),
        "headers": storable_headers(record.headers),
        "value": hexed(record.value),
    }


def hexed(value: bytes | None) -> str | None:
    """Return bytes as PostgreSQL reads them from text."""
    return None if value is None else rf"\x{value.hex()}"


def storable_headers(headers: Headers) -> list[list[str | None]]:
    """Return headers as PostgreSQL's JSON can hold them: names, with escapes for NUL, and hexadecimal values."""
    return [[name.replace("\0", r"\x00"), None if value is None else value.hex()] for name, value in headers]


def stored_headers(headers: Iterable[tuple[str, str | None]]) -> list[tuple[str, bytes | None]]:
    """Return the headers that `storable_headers` made storable."""
    return [(name, None if value is None else bytes.fromhex(value)) for name, value in headers]


async def waiting(connection: AsyncConnection, schema: str, limit: int) -> list[Outgoing]:
    """Return the oldest rows that carry their own payload, in order."""
    rows = await connection.execute(
        text(f"select position, topic, key, headers, value from {schema}.outbox order by position limit :limit"), {"limit": limit}
    )
    return [Outgoing(r.position, r.topic, r.key, stored_headers(r.headers), r.value) for r in rows]


async def acknowledge(connection: AsyncConnection, schema: str, positions: Sequence[int]) -> None:
    """Forget rows that Kafka has."""
    await connection.execute(
        text(f"delete from {schema}.outbox where position = any(cast(:positions as bigint[]))"), {"positions": sorted(positions)}
    )


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits: rows, and the age of the oldest in seconds of the host."""

    pending: int
    oldest_seconds: float


async def backlog(connection: AsyncConnection, schema: str) -> Backlog:
    """Measure the outbox of `schema`."""
    statement = f"""
        select count(*) as pending, coalesce(extract(epoch from clock_timestamp() - min(queued_at)), 0) as oldest from {schema}.outbox"""
    row = (await connection.execute(text(statement))).one()
    return Backlog(row.pending, max(0.0, float(row.oldest)))
