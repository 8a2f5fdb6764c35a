"""SQL of the figures: rows of what each batch adds, folded into totals by one process. Who reads adds up both."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, tzinfo
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import Event
from contracts.message import Message
from services.booking.figures import STANDINGS, Change, Figure, Request, Settlement, summed
from services.booking.model import Booking
from services.runtime.db import cells, rows_json

AT_ONCE = 10_000
DELTA = "series text, labels text[], number bigint, amount numeric"


async def record(
    connection: AsyncConnection,
    before: Mapping[UUID, Booking],
    after: Mapping[UUID, Booking],
    events: Iterable[Message[Event]],
    zone: tzinfo,
) -> None:
    """Add what `events` changed, in their transaction; their bookings are locked."""
    by_booking: dict[UUID, list[Message[Event]]] = defaultdict(list)
    for event in events:
        by_booking[event.booking].append(event)
    asked = await _open_requests(connection, [i for i in sorted(by_booking) if i in before and before[i].status == "pending"])
    changes = [Change(before.get(i), after[i], by_booking[i], asked.get(i)) for i in sorted(by_booking)]
    await _append(connection, summed(figure for change in changes for figure in change.figures(zone)))
    await _save_requests(connection, [request for change in changes for request in change.requests()])
    await _save_settlements(connection, [settlement for change in changes for settlement in change.settlements()])


async def _open_requests(connection: AsyncConnection, bookings: Sequence[UUID]) -> dict[UUID, Request]:
    """Return the requests that await an answer, by booking; `bookings` are sorted."""
    if not bookings:
        return {}
    rows = await connection.execute(
        text("""
            select booking, version, requested_at from booking.requests
            where booking = any(cast(:ids as uuid[])) and booking between :least and :greatest and ended_at is null"""),
        {"ids": list(bookings), "least": bookings[0], "greatest": bookings[-1]},
    )
    return {row.booking: Request(**row._mapping) for row in rows}


async def _append(connection: AsyncConnection, figures: Sequence[Figure]) -> None:
    if figures:
        await connection.execute(
            text(f"""
                insert into booking.figure_deltas (series, labels, number, amount)
                select series, labels, number, amount from json_to_recordset(:rows) as r ({DELTA})"""),
            {"rows": rows_json({**cells(figure), "labels": _array(figure.labels)} for figure in figures)},
        )


def _array(labels: Sequence[str]) -> str:
    """Return `labels` as PostgreSQL writes an array; none of them holds a quote or a backslash."""
    return "{" + ",".join(f'"{label}"' for label in labels) + "}"


async def _save_requests(connection: AsyncConnection, requests: Sequence[Request]) -> None:
    if requests:
        await connection.execute(
            text("""
                insert into booking.requests (booking, version, requested_at, ended_at, ending)
                select booking, version, requested_at, ended_at, ending from json_populate_recordset(null::booking.requests, :rows)
                order by booking, version
                on conflict (booking, version) do update set ended_at = excluded.ended_at, ending = excluded.ending"""),
            {"rows": rows_json(requests)},
        )


async def _save_settlements(connection: AsyncConnection, settlements: Sequence[Settlement]) -> None:
    if settlements:
        await connection.execute(
            text("""
                insert into booking.settlements (booking, version, at, captured, refunded)
                select booking, version, at, captured, refunded from json_populate_recordset(null::booking.settlements, :rows)
                order by booking, version"""),
            {"rows": rows_json(settlements)},
        )


async def fold(connection: AsyncConnection) -> bool:
    """Move the oldest rows of what was added into the totals, in one statement; True when there may be more."""
    folded = await connection.execute(
        text("""
            with taken as (
                delete from booking.figure_deltas where position in (select position from booking.figure_deltas order by position limit :n)
                returning series, labels, number, amount),
            totals as (
                insert into booking.figure_totals as t (series, labels, number, amount)
                select series, labels, sum(number), sum(amount) from taken group by series, labels order by series, labels
                on conflict (series, labels) do update set number = t.number + excluded.number, amount = t.amount + excluded.amount)
            select count(*) from taken"""),
        {"n": AT_ONCE},
    )
    return int(folded.scalar_one()) == AT_ONCE


async def read(connection: AsyncConnection, first: date, last: date) -> list[Figure]:
    """Return every figure; standings not by day, but by whether the day lies between `first` and `last`: `true` or `false`."""
    rows = await connection.execute(
        text(f"""
            with added as (
                select series, labels, number, amount from booking.figure_totals
                union all select series, labels, number, amount from booking.figure_deltas),
            labelled as (
                select series, number, amount, case when series <> '{STANDINGS}' then labels
                    else array[cast(cast(labels[1] as date) between :first and :last as text), labels[2], labels[3]] end as labels
                from added)
            select series, labels, cast(sum(number) as bigint) as number, sum(amount) as amount from labelled
            group by series, labels order by series, labels"""),
        {"first": first, "last": last},
    )
    return [Figure(row.series, tuple(row.labels), row.number, row.amount) for row in rows]
