"""The data of the common design, and the proof that a peer did to it what it was asked for, to each booking once."""

from collections import Counter
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SCHEMA = (Path(__file__).parent / "peers" / "schema.sql").read_text(encoding="utf-8")
BOOKINGS = """
    insert into booking (customer_id, provider_id, service_id, category, status, booking_date, duration_minutes, total_amount, currency,
        created_at, updated_at)
    select n % 1000, n % 1000, n % 1000, 'cleaning', case n % 2 when 0 then 'pending' else 'confirmed' end,
        now() + make_interval(days => case when n <= :due then -3 else 60 end), 60, 1500, 'NPR', now() - interval '5 days',
        now() - interval '5 days'
    from generate_series(1, cast(:number as bigint)) n"""
BEYOND = "select setval(pg_get_serial_sequence('booking', 'id'), max(id)) from booking"
CANCELLED = """
    select count(*) filter (where right_one) as right_ones, count(*) filter (where not right_one) as wrong_ones from (
        select case when b.booking_date < now()
            then b.status = 'cancelled' and b.auto_cancelled and b.cancellation_reason = 'expired' and b.cancelled_at is not null
                and (a.entries, a.actions) = (1, 'cancelled') and (t.entries, t.templates) = (1, 'expired-customer')
            else b.status in ('pending', 'confirmed') and b.cancelled_at is null and a is null and t is null end as right_one
        from booking b
        left join (select booking_id, count(*) as entries, min(action) as actions from audit_entry group by 1) a on a.booking_id = b.id
        left join (select booking_id, count(*) as entries, min(template) as templates from notification group by 1) t
            on t.booking_id = b.id) checked"""
CREATED = """
    select count(*) filter (where right_one) as right_ones, count(*) filter (where not right_one) as wrong_ones from (
        select b.status = 'pending' and b.customer_id = b.id % 1000 and coalesce(a.actions, '') = 'created submitted' as right_one
        from booking b
        left join (select booking_id, string_agg(action, ' ' order by action) as actions from audit_entry group by 1) a
            on a.booking_id = b.id) checked"""


class Wrong(Exception):  # noqa: N818 - what was found
    """The outcome is not what was asked for."""


async def populate(connection: AsyncConnection, due: int, others: int) -> None:
    """Make the tables with `due` bookings that lapsed two days ago and `others` that are open for two months."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            await connection.execute(text(statement))
    await connection.execute(text(BOOKINGS), {"due": due, "number": due + others})
    await connection.execute(text(BEYOND))
    for table in ("booking", "audit_entry", "notification"):
        await connection.execute(text(f"vacuum (analyze) {table}"))
    await connection.execute(text("checkpoint"))


async def demand(connection: AsyncConnection, statement: str, number: int) -> None:
    """Raise Wrong unless `statement` counts `number` bookings that are right, and none that is not."""
    row = (await connection.execute(text(statement))).one()
    if tuple(row) != (number, 0):
        raise Wrong(f"{row.right_ones} of {number} bookings are right, and {row.wrong_ones} are wrong")


def demand_records(seen: Counter[int], number: int, each: int) -> None:
    """Raise Wrong unless the topic has `each` records of every booking from 1 to `number`, and none else."""
    expected = Counter(dict.fromkeys(range(1, number + 1), each))
    if seen != expected:
        raise Wrong(
            f"the topic lacks {(expected - seen).total()} records and has {(seen - expected).total()} too many, of {expected.total()}"
        )
