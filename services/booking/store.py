"""All SQL of the booking service. Every statement covers a batch, and touches rows in the order of their ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.message import Message, type_of
from contracts.topics import BOOKING_EVENTS
from contracts.values import Contract
from services.booking.model import Booking, Slot
from services.booking.rows import COLUMNS, SELECTED, as_booking, as_row, changing
from services.booking.tables import BOOKINGS
from services.runtime.db import rows_json
from services.runtime.inbox import Identity
from services.runtime.outbox import Outgoing, stored_headers

SCHEMA = "booking"
SOURCE = "sewabazaar/booking"
TYPES = {column.name: column.type.compile(dialect=postgresql.dialect()) for column in BOOKINGS.columns}  # type: ignore[no-untyped-call]
EVENT_TYPES = {type_of(contract): contract for contract in BOOKING_EVENTS.carries}


async def lock_bookings(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Booking]:
    """Lock and return the bookings that exist, by id."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = await connection.execute(
        text(f"""
            select {SELECTED} from booking.bookings
            where id = any(cast(:ids as uuid[])) and id between :least and :greatest order by id for update"""),
        {"ids": wanted, "least": wanted[0], "greatest": wanted[-1]},
    )
    return {row[0]: as_booking(row) for row in rows}


@dataclass(frozen=True, slots=True)
class Seen:
    """A booking as a scan saw it, unlocked."""

    booking: UUID
    version: int


async def unpaid(connection: AsyncConnection, created_until: datetime, limit: int) -> list[Seen]:
    """Return bookings of `created_until` or earlier that still wait for their pre-payment, oldest first."""
    rows = await connection.execute(
        text("""
            select id, version from booking.bookings where status = 'created' and created_at <= :instant
            order by created_at, id limit :limit"""),
        {"instant": created_until, "limit": limit},
    )
    return [Seen(row.id, row.version) for row in rows]


async def unanswered(connection: AsyncConnection, now: datetime, limit: int) -> list[Seen]:
    """Return bookings whose delivery was to be answered by `now`, longest ago first."""
    rows = await connection.execute(
        text("""
            select id, version from booking.bookings
            where status = 'awaiting_confirmation' and not disputed and delivery_confirmed_at is null and auto_confirm_at <= :now
            order by auto_confirm_at, id limit :limit"""),
        {"now": now, "limit": limit},
    )
    return [Seen(row.id, row.version) for row in rows]


async def lock_providers(connection: AsyncConnection, providers: Iterable[UUID]) -> None:
    """Let one transaction at a time decide about the time of these providers."""
    keys = sorted({int.from_bytes(p.bytes[-8:], signed=True) for p in providers})
    if keys:
        await connection.execute(text("select pg_advisory_xact_lock(k) from unnest(cast(:keys as bigint[])) k"), {"keys": keys})


async def busy_slots(connection: AsyncConnection, wanted: Sequence[Slot]) -> list[Slot]:
    """Return the slots in use that overlap one of `wanted`."""
    if not wanted:
        return []
    rows = await connection.execute(
        text("""
            select distinct s.booking, s.provider, lower(s.slot) as starts, upper(s.slot) as ends
            from json_to_recordset(:rows) as w (provider uuid, starts timestamptz, ends timestamptz)
            join booking.provider_slots s on s.provider = w.provider and s.slot && tstzrange(w.starts, w.ends)"""),
        {"rows": rows_json({"provider": s.provider, "starts": s.start, "ends": s.end} for s in wanted)},
    )
    return [Slot(row.booking, row.provider, row.starts, row.ends) for row in rows]


async def causes(connection: AsyncConnection, bookings: Iterable[UUID], identities: Iterable[Identity]) -> dict[Identity, bytes]:
    """Return the payload hashes of commands that events of these bookings remember for ever."""
    ids, rows = sorted(set(bookings)), [{"source": s, "id": i} for s, i in identities]
    if not ids or not rows:
        return {}
    found = await connection.execute(
        text("""
            select distinct l.cause_source, l.cause_id, l.cause_hash
            from booking.log l join json_to_recordset(:rows) as k (source text, id text) on l.cause_source = k.source and l.cause_id = k.id
            where l.booking = any(cast(:ids as uuid[])) and l.booking between :least and :greatest"""),
        {"rows": rows_json(rows), "ids": ids, "least": ids[0], "greatest": ids[-1]},
    )
    return {(row.cause_source, row.cause_id): row.cause_hash for row in found}


async def save_bookings(connection: AsyncConnection, before: Mapping[UUID, Booking], after: Mapping[UUID, Booking]) -> None:
    """Write changed bookings: new ones inserted, the others updated from exactly the version they were read at."""
    changed = [after[i] for i in sorted(after) if before.get(i) != after[i]]
    if made := [as_row(b) for b in changed if b.id not in before]:
        await connection.execute(
            text(f"""
                insert into booking.bookings ({", ".join(COLUMNS)})
                select {", ".join(COLUMNS)} from json_populate_recordset(null::booking.bookings, :rows) order by id"""),
            {"rows": rows_json(made)},
        )
    if moved := [b for b in changed if b.id in before]:
        await _update(connection, [(before[b.id], b) for b in moved])
    await _save_slots(connection, [before[b.id].taken for b in moved], [b.taken for b in changed])


async def _update(connection: AsyncConnection, moves: Sequence[tuple[Booking, Booking]]) -> None:
    """Write what each booking has become; columns that no booking of the batch changes are left alone."""
    columns = changing(moves)
    result = await connection.execute(
        text(f"""
            update booking.bookings b set ({", ".join(columns)}) = row ({", ".join(f"r.{c}" for c in columns)})
            from json_to_recordset(:rows) as r (id uuid, read_at int, {", ".join(f"{c} {TYPES[c]}" for c in columns)})
            where b.id = r.id and b.version = r.read_at and b.id between :least and :greatest"""),
        {
            "rows": rows_json({**as_row(after, columns), "id": after.id, "read_at": before.version} for before, after in moves),
            "least": moves[0][1].id,
            "greatest": moves[-1][1].id,
        },
    )
    if result.rowcount != len(moves):
        message = f"{len(moves) - result.rowcount} of {len(moves)} locked bookings changed underneath"
        raise RuntimeError(message)


async def _save_slots(connection: AsyncConnection, before: Iterable[Slot | None], after: Iterable[Slot | None]) -> None:
    """Free what is no longer taken first: the exclusion constraint looks at every row at once."""
    old, new = {s for s in before if s}, {s for s in after if s}
    if freed := sorted(s.booking for s in old - new):
        await connection.execute(text("delete from booking.provider_slots where booking = any(cast(:ids as uuid[]))"), {"ids": freed})
    if taken := sorted(new - old, key=lambda s: (s.provider, s.start)):
        await connection.execute(
            text("""
                insert into booking.provider_slots (booking, provider, slot)
                select booking, provider, tstzrange(starts, ends)
                from json_to_recordset(:rows) as r (booking uuid, provider uuid, starts timestamptz, ends timestamptz)"""),
            {"rows": rows_json({"booking": s.booking, "provider": s.provider, "starts": s.start, "ends": s.end} for s in taken)},
        )


@dataclass(frozen=True, slots=True)
class Logged:
    """An event to append, and the identity and payload hash of the message that caused it."""

    event: Message[Contract]
    cause_hash: bytes


async def append_events(connection: AsyncConnection, events: Sequence[Logged]) -> None:
    """Append to the log in order, and queue a pointer to each event for publishing."""
    if events:
        await connection.execute(
            text("""
                with logged as (
                    insert into booking.log (booking, version, event_id, type, payload, actor, at, cause_id, cause_source, cause_hash,
                        correlation_id, traceparent)
                    select booking, version, event_id, type, payload::json, actor, at, cause_id, cause_source, cause_hash,
                        correlation_id, traceparent
                    from json_to_recordset(:rows) as r (n int, booking uuid, version int, event_id uuid, type text, payload text,
                        actor text, at timestamptz, cause_id text, cause_source text, cause_hash bytea,
                        correlation_id text, traceparent text) order by n
                    returning position, booking, version)
                insert into booking.outbox (position, topic, booking, version) select position, :topic, booking, version from logged"""),
            {"rows": rows_json(_logged(n, e) for n, e in enumerate(events)), "topic": BOOKING_EVENTS.name},
        )


def _logged(n: int, logged: Logged) -> dict[str, object]:
    event = logged.event
    return {
        "n": n,
        "booking": event.subject,
        "version": event.aggregate_version,
        "event_id": event.id,
        "type": event.type,
        "payload": event.value().decode(),
        "actor": str(event.actor),
        "at": event.time,
        "cause_id": event.causation_id,
        "cause_source": event.causation_source,
        "cause_hash": rf"\x{logged.cause_hash.hex()}",
        "correlation_id": event.correlation_id,
        "traceparent": event.traceparent,
    }


async def waiting(connection: AsyncConnection, limit: int) -> list[Outgoing]:
    """Return the oldest outbox rows, in order; those of events with the payload that the log keeps."""
    rows = (
        await connection.execute(
            text("select position, topic, key, headers, value, booking, version from booking.outbox order by position limit :limit"),
            {"limit": limit},
        )
    ).all()
    events = await _events(connection, [(r.booking, r.version) for r in rows if r.booking])
    return [
        events[r.booking, r.version] if r.booking else Outgoing(r.position, r.topic, r.key, stored_headers(r.headers), r.value)
        for r in rows
    ]


async def _events(connection: AsyncConnection, versions: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Outgoing]:
    if not versions:
        return {}
    rows = await connection.execute(
        text("""
            select l.position, l.booking, l.version, l.event_id, l.type, l.payload::text as payload, l.actor, l.at,
                l.cause_id, l.cause_source, l.correlation_id, l.traceparent
            from booking.log l join unnest(cast(:ids as uuid[]), cast(:versions as int[])) as k (booking, version) using (booking, version)
            where l.booking between :least and :greatest"""),
        {"ids": [i for i, _ in versions], "versions": [v for _, v in versions], "least": min(versions)[0], "greatest": max(versions)[0]},
    )
    return {(r.booking, r.version): _published(r) for r in rows}


def _published(row: Any) -> Outgoing:
    """Return a logged event as it goes out: attributes from its columns, the payload as the log keeps it."""
    event = Message(
        id=str(row.event_id),
        source=SOURCE,
        subject=str(row.booking),
        time=row.at,
        actor=Actor.parse(row.actor),
        data=EVENT_TYPES[row.type].model_construct(),
        correlation_id=row.correlation_id,
        causation_id=row.cause_id,
        causation_source=row.cause_source,
        aggregate_version=row.version,
        traceparent=row.traceparent,
    )
    return Outgoing(row.position, BOOKING_EVENTS.name, event.key(), event.headers(), row.payload.encode())
