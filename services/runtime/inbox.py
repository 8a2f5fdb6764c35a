"""What makes a redelivered message have no second effect: its identity, claimed in the transaction of the effect."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text, func, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Message
from contracts.values import Contract
from services.runtime.db import rows_json

Identity = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claims:
    """Which identities are new to this consumer, and the payload hash of those that are not."""

    new: frozenset[Identity]
    known: Mapping[Identity, bytes]


def inbox_table(metadata: MetaData) -> Table:
    """Declare the inbox of one service."""
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("source", Text, primary_key=True),
        Column("message_id", Text, primary_key=True),
        Column("payload_hash", LargeBinary, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    )


async def claim(connection: AsyncConnection, schema: str, consumer: str, messages: Iterable[Message[Contract]]) -> Claims:
    """Insert the identities of `messages` in one order for all processes; of copies in one batch the first counts."""
    hashes: dict[Identity, bytes] = {}
    for message in messages:
        hashes.setdefault(message.identity, message.payload_hash)
    rows = rows_json(
        {"consumer": consumer, "source": s, "message_id": i, "payload_hash": rf"\x{h.hex()}"} for (s, i), h in sorted(hashes.items())
    )
    inserted = await connection.execute(
        text(f"""
            insert into {schema}.inbox (consumer, source, message_id, payload_hash, outcome)
            select consumer, source, message_id, payload_hash, 'handled'
            from json_populate_recordset(null::{schema}.inbox, :rows) order by source, message_id
            on conflict do nothing returning source, message_id"""),
        {"rows": rows},
    )
    new = frozenset((row.source, row.message_id) for row in inserted)
    seen = [identity for identity in hashes if identity not in new]
    return Claims(new, await _hashes(connection, schema, consumer, seen) if seen else {})


async def _hashes(connection: AsyncConnection, schema: str, consumer: str, identities: Sequence[Identity]) -> dict[Identity, bytes]:
    found = await connection.execute(
        text(f"""
            select i.source, i.message_id, i.payload_hash from {schema}.inbox i
            join unnest(cast(:sources as text[]), cast(:ids as text[])) as k (source, id) on i.source = k.source and i.message_id = k.id
            where i.consumer = :consumer"""),
        {"consumer": consumer, "sources": [s for s, _ in identities], "ids": [i for _, i in identities]},
    )
    return {(row.source, row.message_id): row.payload_hash for row in found}


async def record_outcomes(connection: AsyncConnection, schema: str, consumer: str, outcomes: Mapping[Identity, str]) -> None:
    """Note what became of claimed messages where it is not `handled`."""
    if outcomes:
        await _each(
            connection,
            f"""
            update {schema}.inbox i set outcome = k.outcome
            from json_to_recordset(:rows) as k (source text, id text, outcome text)
            where i.consumer = :consumer and i.source = k.source and i.message_id = k.id""",
            consumer,
            outcomes,
        )


async def release(connection: AsyncConnection, schema: str, consumer: str, identities: Iterable[Identity]) -> None:
    """Give claims back: what goes to dead letters may be sent again under the same identity."""
    if rows := dict.fromkeys(identities, ""):
        await _each(
            connection,
            f"""
            delete from {schema}.inbox i using json_to_recordset(:rows) as k (source text, id text)
            where i.consumer = :consumer and i.source = k.source and i.message_id = k.id""",
            consumer,
            rows,
        )


async def forget(connection: AsyncConnection, schema: str, days: int, limit: int = 5000) -> int:
    """Delete settled rows older than `days` of the host, `limit` at most; return how many."""
    result = await connection.execute(
        text(f"""
            delete from {schema}.inbox where ctid = any(array(
                select ctid from {schema}.inbox
                where received_at < clock_timestamp() - make_interval(days => :days) and outcome <> 'parked' limit :limit))"""),
        {"days": days, "limit": limit},
    )
    return result.rowcount


async def _each(connection: AsyncConnection, statement: str, consumer: str, outcomes: Mapping[Identity, str]) -> None:
    rows = rows_json({"source": s, "id": i, "outcome": o} for (s, i), o in sorted(outcomes.items()))
    await connection.execute(text(statement), {"rows": rows, "consumer": consumer})
