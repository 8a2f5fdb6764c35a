"""The SQL of the send ledger. Every statement covers a batch, and touches rows in the order of their keys."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.receipts import NotificationSent
from services.notifier.details import NOTHING, Details
from services.notifier.facts import Booking, Person
from services.notifier.ledger import Delivery, Entry, Key, Outcome, State
from services.notifier.projections import load_bookings, load_people, load_services
from services.notifier.receipts import receipt
from services.runtime import outbox
from services.runtime.db import cells, rows_json
from services.runtime.outbox import Outgoing

KEY = tuple(field.name for field in fields(Key))
KEYS = ", ".join(KEY)
BY_KEY = " and ".join(f"d.{name} = k.{name}" for name in KEY)
TOPIC = NotificationSent.topic
Told = tuple[str, str, State]


async def ledgered(connection: AsyncConnection, events: Iterable[tuple[UUID, str]]) -> list[Key]:
    """Return the letters that are in the ledger about these (booking, event id)."""
    wanted = sorted(set(events))
    if not wanted:
        return []
    rows = await connection.execute(
        text(f"""
            select {", ".join(f"d.{name}" for name in KEY)} from notifier.deliveries d
            join unnest(cast(:bookings as uuid[]), cast(:events as text[])) as k (booking, event)
                on d.booking = k.booking and d.event = k.event
            where d.booking between :least and :greatest"""),
        {"bookings": [b for b, _ in wanted], "events": [e for _, e in wanted], "least": wanted[0][0], "greatest": wanted[-1][0]},
    )
    return [Key(*row) for row in rows]


async def last_told(connection: AsyncConnection, template: str, bookings: Iterable[UUID]) -> dict[UUID, int]:
    """Return the latest version of each of `bookings` about which there is a letter of `template`."""
    ids = sorted(set(bookings))
    if not ids:
        return {}
    rows = await connection.execute(
        text("""
            select booking, max(booking_version) as version from notifier.deliveries
            where template = :template and booking = any(cast(:ids as uuid[])) and booking between :least and :greatest
            group by booking"""),
        {"template": template, "ids": ids, "least": ids[0], "greatest": ids[-1]},
    )
    return {row.booking: row.version for row in rows}


async def enter(connection: AsyncConnection, outcomes: Iterable[Outcome], now: datetime) -> Counter[Told]:
    """Enter letters that are pending or settled from the start, put what is sent where the app shows it, and queue receipts.

    What the app shows is a template, the booking's facts of this moment and the details: no name of anybody. Return how many letters
    were not in the ledger, of each channel, template and state.
    """
    rows = [_row(outcome, now) for outcome in sorted(outcomes, key=lambda outcome: outcome.entry.key)]
    if not rows:
        return Counter()
    columns = ", ".join((*KEY, "letter", "booking_version", "correlation_id", "details", "attempts", "state", "reason", "outcome_at"))
    entered = await connection.execute(
        text(f"""
            with entered as (
                insert into notifier.deliveries ({columns})
                select {columns} from json_populate_recordset(null::notifier.deliveries, :rows)
                on conflict do nothing returning {KEYS}, letter, state, details),
            shown as (
                insert into notifier.letters (booking, id, recipient, template, facts, created_at)
                select e.booking, e.letter, e.recipient, e.template, to_jsonb(b) || jsonb_build_object('details', e.details), :now
                from entered e join notifier.bookings b on b.id = e.booking
                where e.state = '{State.SENT}' and b.id between :least and :greatest on conflict do nothing),
            queued as ({_queued("entered")})
            select channel, template, state, count(*) from entered group by channel, template, state"""),
        {"rows": rows_json(rows), "now": now, "least": rows[0]["booking"], "greatest": rows[-1]["booking"], "topic": TOPIC},
    )
    return Counter({(channel, template, State(state)): number for channel, template, state, number in entered})


def _queued(letters: str) -> str:
    """Return the statement that queues the receipt of each of `letters` whose fate is final, as a pointer to the ledger."""
    return f"insert into notifier.outbox (topic, {KEYS}) select :topic, {KEYS} from {letters} where state <> '{State.PENDING}'"


async def claim(connection: AsyncConnection, channel: str, limit: int, lease: float) -> list[Delivery]:
    """Take up to `limit` due letters for an attempt; nobody else takes them for `lease` seconds of the host."""
    due = await connection.execute(
        text(f"""
            select {", ".join(KEY)}, booking_version, correlation_id, details::text as details, attempts,
                lease_until is not null as interrupted
            from notifier.deliveries where channel = :channel and state = 'pending' and next_attempt_at <= clock_timestamp()
            order by next_attempt_at limit :limit for update skip locked"""),
        {"channel": channel, "limit": limit},
    )
    if not (rows := due.all()):
        return []
    await _lease(connection, rows, lease)
    entries = [_entry(row) for row in rows]
    bookings = await load_bookings(connection, (row.booking for row in rows))
    people = await load_people(connection, {i for entry in entries for i in _concerned(entry, bookings[entry.key.booking])})
    services = await load_services(connection, {booking.service for booking in bookings.values()})
    return [_delivery(row, entry, bookings[row.booking], people, services) for row, entry in zip(rows, entries, strict=True)]


def _entry(row: Row[Any]) -> Entry:
    key = Key(row.booking, row.event, row.recipient, row.channel, row.template)
    details = Details.model_validate_json(row.details) if row.details else NOTHING
    return Entry(key, row.booking_version, row.correlation_id, details)


def _concerned(entry: Entry, booking: Booking) -> tuple[UUID, ...]:
    """Return whose names a letter may have in it."""
    return booking.customer, booking.provider, *(suggestion.provider for suggestion in entry.details.suggestions)


async def _lease(connection: AsyncConnection, rows: Sequence[Row[Any]], lease: float) -> None:
    keys = sorted((dict(zip(KEY, row, strict=False)) for row in rows), key=itemgetter("booking"))
    await connection.execute(
        text(f"""
            update notifier.deliveries d set attempts = d.attempts + 1, lease_until = t.until, next_attempt_at = t.until
            from json_to_recordset(:keys) as k (booking uuid, event text, recipient uuid, channel text, template text),
                (select clock_timestamp() + make_interval(secs => :lease)) as t (until)
            where {BY_KEY} and d.booking between :least and :greatest"""),
        {"keys": rows_json(keys), "lease": lease, "least": keys[0]["booking"], "greatest": keys[-1]["booking"]},
    )


def _delivery(row: Row[Any], entry: Entry, booking: Booking, people: Mapping[UUID, Person], services: Mapping[UUID, str]) -> Delivery:
    known = {i: people[i] for i in _concerned(entry, booking) if i in people}
    return Delivery(entry, row.attempts + 1, row.interrupted, booking, known, services.get(booking.service))


async def settle(connection: AsyncConnection, outcomes: Sequence[Outcome], now: datetime) -> set[Key]:
    """Record outcomes, and queue the receipts of the final ones.

    Return the letters whose attempt was still the latest, so that each outcome counts once.
    """
    rows = [_row(outcome, now) for outcome in sorted(outcomes, key=lambda outcome: outcome.entry.key)]
    settled = await connection.execute(
        text(f"""
            with settled as (
                update notifier.deliveries d set state = k.state, reason = k.reason, outcome_at = k.outcome_at, lease_until = null,
                    next_attempt_at = clock_timestamp() + make_interval(secs => k.wait)
                from json_to_recordset(:rows) as k (
                    booking uuid, event text, recipient uuid, channel text, template text,
                    attempts int, state text, reason text, wait float8, outcome_at timestamptz)
                where {BY_KEY} and d.booking between :least and :greatest and d.state = 'pending' and d.attempts = k.attempts
                returning {", ".join(f"d.{name}" for name in KEY)}, d.state),
            queued as ({_queued("settled")})
            select {KEYS} from settled"""),
        {"rows": rows_json(rows), "least": rows[0]["booking"], "greatest": rows[-1]["booking"], "topic": TOPIC},
    )
    return {Key(*row) for row in settled}


def _row(outcome: Outcome, now: datetime) -> dict[str, Any]:
    entry, over = outcome.entry, outcome.state is not State.PENDING
    return {
        **cells(entry.key),
        "letter": entry.key.letter_id,
        "booking_version": entry.booking_version,
        "correlation_id": entry.correlation_id,
        "details": _kept(entry.details),
        "attempts": outcome.attempt,
        "state": outcome.state,
        "reason": outcome.reason,
        "wait": outcome.wait,
        "outcome_at": now if over else None,
    }


def _kept(details: Details) -> dict[str, Any] | None:
    return None if details is NOTHING else details.model_dump(mode="json", exclude_defaults=True) or None


async def waiting(connection: AsyncConnection, limit: int) -> list[Outgoing]:
    """Return the oldest receipts that wait to be published, in order, each from its line of the ledger."""
    rows = await connection.execute(
        text(f"""
            select {", ".join(f"d.{name}" for name in KEY)}, d.booking_version, d.correlation_id,
                d.attempts, d.state, d.reason, d.outcome_at, k.position
            from (select position, {KEYS} from notifier.outbox order by position limit :limit) k
            cross join lateral (select * from notifier.deliveries d where {BY_KEY} offset 0) d order by k.position"""),
        {"limit": limit},
    )
    return [_receipt(*row) for row in rows]


def _receipt(*line: Any) -> Outgoing:
    """Return what a line of the ledger has come to, as it goes out."""
    key, (version, correlation, attempt, state, reason, at, position) = Key(*line[: len(KEY)]), line[len(KEY) :]
    outcome = Outcome(Entry(key, version, correlation), attempt, State(state), reason)
    return outbox.outgoing(receipt(outcome, at), position)
