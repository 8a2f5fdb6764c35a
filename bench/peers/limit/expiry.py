"""Bookings that lapsed, cancelled in chunks of 500: one statement each, whose events are sent while the next one runs."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import uvloop

from bench.peers.limit.topic import Sent, Topic, opened

CHUNK = 500
GRACE = timedelta(hours=24)
CANCEL = """
    with due as (
        select id from booking where status in ('pending', 'confirmed') and booking_date < $1
        order by id limit $2 for update skip locked),
    cancelled as (
        update booking b set status = 'cancelled', auto_cancelled = true, cancellation_reason = 'expired',
            cancelled_at = $3, updated_at = $3
        from due where b.id = due.id
        returning b.id, b.customer_id, old.status as previous_status, b.booking_date),
    entered as (
        insert into audit_entry (booking_id, action, actor, details, at)
        select id, 'cancelled', 'system:expiry', jsonb_build_object('previous_status', previous_status, 'reason', 'expired',
            'booking_date', booking_date, 'cancelled_at', $3), $3 from cancelled
        returning booking_id, details),
    told as (
        insert into notification (booking_id, recipient_id, template, channel, status, created_at)
        select id, customer_id, 'expired-customer', 'in_app', 'sent', $3 from cancelled)
    select booking_id, details::text from entered"""


async def expire(connection: asyncpg.Connection, topic: Topic) -> None:
    """Cancel everything that is due, and wait for the last acknowledgement."""
    under_way: Sent = ()
    now = datetime.now(UTC)
    while rows := await connection.fetch(CANCEL, now - GRACE, CHUNK, now):
        await asyncio.gather(*under_way)
        under_way = await topic.send((str(booking).encode(), details.encode()) for booking, details in rows)
    await asyncio.gather(*under_way)


async def main() -> None:
    """Print how long it took."""
    connection = await asyncpg.connect(os.environ["BENCH_DATABASE"])
    async with opened(os.environ["BENCH_KAFKA"], os.environ["BENCH_TOPIC"]) as topic:
        began = time.perf_counter()
        await expire(connection, topic)
        print(json.dumps({"seconds": time.perf_counter() - began}))
    await connection.close()


if __name__ == "__main__":
    uvloop.run(main())
