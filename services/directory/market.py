"""The SQL that gathers everything the suggestions of a batch depend on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.directory.facts import Figures, Offer, Provider
from services.directory.slots import Diary, Hours, Interval, Leave
from services.directory.suggestions import HORIZON, Cause, Market

LONGEST = timedelta(days=7)


async def load(connection: AsyncConnection, causes: Sequence[Cause]) -> Market:
    """Return what is on offer in the categories of `causes` and the services booked, and all about their providers."""
    offers = await _load_offers(connection, causes)
    ids = {offer.provider for offer in offers} | {cause.booking.provider for cause in causes}
    instants = [at for cause in causes for at in (cause.at, cause.booking.booking_date)]
    within = Interval(min(instants), max(instants) + HORIZON + LONGEST)
    return Market.of(offers, await _load_providers(connection, ids, within))


async def load_hours(connection: AsyncConnection, providers: Iterable[UUID]) -> dict[UUID, Hours]:
    """Return the weeks of providers who have set one."""
    rows = await connection.execute(
        text("select provider, timezone, weekly from directory.hours where provider = any(cast(:ids as uuid[]))"),
        {"ids": sorted(set(providers))},
    )
    return {row.provider: Hours(row.timezone, row.weekly) for row in rows}


async def _load_offers(connection: AsyncConnection, causes: Sequence[Cause]) -> list[Offer]:
    rows = await connection.execute(
        text("""
            select id, provider, category, price, currency, duration_minutes, active from directory.services
            where id = any(cast(:booked as uuid[])) or (active and category = any(cast(:categories as text[])))"""),
        {
            "booked": sorted({cause.booking.service for cause in causes}),
            "categories": sorted({cause.booking.category for cause in causes if cause.still_to_come}),
        },
    )
    return [Offer(**row._mapping) for row in rows]


async def _load_providers(connection: AsyncConnection, ids: Iterable[UUID], within: Interval) -> list[Provider]:
    wanted = sorted(ids)
    rows = await connection.execute(
        text("""
            select k.id, coalesce(p.active, true) as active, f.completed, f.cancelled, f.ratings, f.stars
            from unnest(cast(:ids as uuid[])) as k (id)
            left join directory.people p on p.id = k.id left join directory.figures f on f.provider = k.id"""),
        {"ids": wanted},
    )
    hours = await load_hours(connection, wanted)
    leave = await _load_leave(connection, wanted, within)
    busy = await _load_busy(connection, wanted, within)
    return [
        Provider(row.id, row.active, Diary(hours.get(row.id, Hours()), tuple(leave[row.id]), tuple(busy[row.id])), _figures(row))
        for row in rows
    ]


def _figures(row: Row[Any]) -> Figures:
    return Figures() if row.completed is None else Figures(row.completed, row.cancelled, row.ratings, row.stars)


async def _load_leave(connection: AsyncConnection, providers: Sequence[UUID], within: Interval) -> dict[UUID, list[Leave]]:
    rows = await connection.execute(
        text("""
            select provider, from_date, to_date from directory.leave
            where provider = any(cast(:ids as uuid[])) and to_date >= :since order by provider, id"""),
        {"ids": list(providers), "since": within.begins_at.date() - timedelta(days=1)},
    )
    found: dict[UUID, list[Leave]] = defaultdict(list)
    for row in rows:
        found[row.provider].append(Leave(row.from_date, row.to_date))
    return found


async def _load_busy(connection: AsyncConnection, providers: Sequence[UUID], within: Interval) -> dict[UUID, list[Interval]]:
    rows = await connection.execute(
        text("""
            select provider, begins_at, ends_at from directory.slots
            where provider = any(cast(:ids as uuid[])) and status <> 'pending' and ends_at > :begins_at and begins_at < :ends_at
            order by provider, begins_at"""),
        {"ids": list(providers), "begins_at": within.begins_at, "ends_at": within.ends_at},
    )
    found: dict[UUID, list[Interval]] = defaultdict(list)
    for row in rows:
        found[row.provider].append(Interval(row.begins_at, row.ends_at))
    return found
