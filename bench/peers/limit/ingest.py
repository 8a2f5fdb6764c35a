"""Bookings that are created, in chunks of 500: one statement each with two events a booking, sent while the next one runs."""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import uvloop

from bench.peers.limit.topic import Sent, Topic, opened

CHUNK = 500
PEOPLE = 1000
CREATE = """
    with created as (
        insert into booking (id, customer_id, provider_id, service_id, category, status, booking_date, duration_minutes, total_amount,
            currency, created_at, updated_at)
        select id, customer, provider, service, 'cleaning', 'pending', starts, minutes, amount, 'NPR', $7, $7
        from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::integer[], $8::numeric[])
            as r (id, customer, provider, service, starts, minutes, amount)
        returning id),
    entered as (
        insert into audit_entry (booking_id, action, actor, details, at)
        select id, action, actor, details::jsonb, $7
        from unnest($1::bigint[], $9::text[], $10::text[]) as r (id, actor, created)
        join created using (id) cross join lateral (values ('created', created), ('submitted', '{}')) as e (action, details))
    select count(*) from created"""
Row = tuple[int, int, int, int, datetime, int, Decimal, str, str]


def request(n: int, now: datetime) -> Row:
    """Return the booking number `n`."""
    person, starts, amount = n % PEOPLE, now + timedelta(days=60), Decimal("1500.00")
    facts = {
        "customer": person,
        "provider": person,
        "service": person,
        "category": "cleaning",
        "booking_date": starts.isoformat(),
        "duration_minutes": 60,
        "total_amount": str(amount),
        "currency": "NPR",
        "prepaid": False,
    }
    return n, person, person, person, starts, 60, amount, f"customer:{person}", json.dumps(facts)


async def create(connection: asyncpg.Connection, topic: Topic, rows: Sequence[Row], now: datetime) -> None:
    """Insert all `rows`, and wait for the last acknowledgement."""
    under_way: Sent = ()
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        ids, customers, providers, services, starts, minutes, amounts, actors, facts = map(list, zip(*chunk, strict=True))
        await connection.fetchval(CREATE, ids, customers, providers, services, starts, minutes, now, amounts, actors, facts)
        await asyncio.gather(*under_way)
        under_way = await topic.send((str(n).encode(), value.encode()) for n, *_, text in chunk for value in (text, "{}"))
    await asyncio.gather(*under_way)


async def main() -> None:
    """Print how long it took; the requests are in memory before the clock runs."""
    now = datetime.now(UTC)
    rows = [request(n, now) for n in range(1, int(os.environ["BENCH_NUMBER"]) + 1)]
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE"])
    async with opened(os.environ["BENCH_KAFKA"], os.environ["BENCH_TOPIC"]) as topic:
        began = time.perf_counter()
        await create(connection, topic, rows, now)
        print(json.dumps({"seconds": time.perf_counter() - began}))
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
