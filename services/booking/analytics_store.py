"""SQL of analytics: one pass each over the bookings, the requests and the settlements of a period, in total and by group."""

from datetime import datetime, timedelta
from typing import TypeVar, assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.values import instant_text
from services.booking.analytics import CURRENCY, Bookings, Period, Responses, Revenue, report

A_DAY = timedelta(days=1)
T = TypeVar("T")
BOOKINGS = f"""
    select key, count(*) as total, count(*) filter (where status = 'completed') as completed,
        count(*) filter (where reason = 'expired') as expired, count(*) filter (where reason = 'maintenance') as maintenance,
        count(*) filter (where reason not in ('expired', 'maintenance')) as cancelled_other,
        count(*) filter (where status = 'completed' and currency = '{CURRENCY}') as valued,
        coalesce(sum(total_amount) filter (where status = 'completed' and currency = '{CURRENCY}'), 0) as value,
        count(rating) as rated, coalesce(sum(rating), 0) as stars
    from (
        select {{key}} as key, b.*, case when b.status = 'cancelled' then b.cancellation_reason end as reason
        from booking.bookings b where {{within}}) b
    group by grouping sets ((key), ())"""
RESPONSES = """
    select key, count(took) as answered, coalesce(sum(took), 0) as summed,
        coalesce(percentile_disc(0.5) within group (order by took), 0) as lower_median,
        coalesce(percentile_disc(0.5) within group (order by took desc), 0) as upper_median,
        coalesce(percentile_disc(0.9) within group (order by took), 0) as p90,
        count(*) filter (where took <= 86400000000) as in_time,
        count(*) filter (where (ending in ('answered', 'expired') or requested_at < :since) and not withdrawn) as due
    from (
        select {key} as key, r.*, coalesce(r.ending = 'customer' and r.ended_at - r.requested_at <= interval '1 day', false) as withdrawn,
            case when r.ending = 'answered'
                then cast(extract(epoch from r.ended_at - r.requested_at) * 1000000 as bigint) end as took
        from booking.requests r join booking.bookings b on b.id = r.booking where {within}) r
    group by grouping sets ((key), ())"""
REVENUE = f"""
    select key, coalesce(sum(captured), 0) as captured, coalesce(sum(refunded), 0) as refunded
    from (
        select {{key}} as key, s.captured, s.refunded
        from booking.settlements s join booking.bookings b on b.id = s.booking where {{within}} and b.currency = '{CURRENCY}') s
    group by grouping sets ((key), ())"""


async def analytics(connection: AsyncConnection, period: Period, now: datetime) -> dict[str, object]:
    """Return the figures of `period` as they are shown, ages as of the business instant `now`."""
    bookings = await _read(connection, BOOKINGS, period, "b.booking_date", Bookings)
    responses = await _read(connection, RESPONSES, period, "b.booking_date", Responses, since=now - A_DAY)
    revenue = await _read(connection, REVENUE, period, "s.at", Revenue)

    def shown(key: str | None) -> dict[str, object]:
        return report(bookings.get(key, Bookings()), responses.get(key, Responses()), revenue.get(key, Revenue()))

    keys = sorted(key for key in bookings.keys() | revenue.keys() if key is not None)
    return {
        "from": str(period.first),
        "to": str(period.last),
        "timezone": period.zone,
        "as_of": instant_text(now),
        "totals": shown(None),
        "groups": [{"key": key, **shown(key)} for key in keys],
    }


async def _read(
    connection: AsyncConnection, statement: str, period: Period, instant: str, kind: type[T], **values: object
) -> dict[str | None, T]:
    """Return what `statement` says by group, and in total under None; `instant` is what has to lie in the period."""
    narrowed = {name: value for name in ("category", "provider") if (value := getattr(period, name)) is not None}
    within = [f"{instant} >= :start and {instant} < :end", *(f"b.{name} = :{name}" for name in narrowed)]
    rows = await connection.execute(
        text(statement.format(key=_key(period, instant), within=" and ".join(within))),
        {"start": period.start, "end": period.end, **narrowed, **_days(period), **values},
    )
    return {row.key: kind(**{name: value for name, value in row._mapping.items() if name != "key"}) for row in rows}


def _key(period: Period, instant: str) -> str:
    match period.group_by:
        case "category":
            return "b.category"
        case "provider":
            return "cast(b.provider as text)"
        case "day" | "month":
            return f"(cast(:names as text[]))[width_bucket({instant}, cast(:midnights as timestamptz[]))]"
        case None:
            return "cast(null as text)"
        case _:
            assert_never(period.group_by)


def _days(period: Period) -> dict[str, object]:
    """Return what tells PostgreSQL the name of each local day or month; where days begin is decided here, by the zone's rules."""
    if period.group_by not in {"day", "month"}:
        return {}
    length = len("2026-11" if period.group_by == "month" else "2026-11-20")
    return {"names": [str(day)[:length] for day in period.days], "midnights": [period.midnight(day) for day in period.days]}
