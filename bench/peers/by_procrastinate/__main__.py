"""Defers a job for each booking that lapsed, and works on them, ten at a time, until nothing is left."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

CONCURRENCY = 10
GRACE = timedelta(hours=24)
DUE = "select id from booking where status in ('pending', 'confirmed') and booking_date < %s"
LOCK = "select customer_id, status, booking_date from booking where id = %s and status in ('pending', 'confirmed') for update"
CANCEL = """
    update booking set status = 'cancelled', auto_cancelled = true, cancellation_reason = 'expired', cancelled_at = %s, updated_at = %s
    where id = %s"""
NOTE = "insert into audit_entry (booking_id, action, actor, details, at) values (%s, 'cancelled', 'system:expiry', %s, %s)"
TELL = """
    insert into notification (booking_id, recipient_id, template, channel, status, created_at)
    values (%s, %s, 'expired-customer', 'in_app', 'sent', %s)"""
URL = os.environ["BENCH_DATABASE"]
app = App(connector=PsycopgConnector(conninfo=URL, min_size=CONCURRENCY, max_size=CONCURRENCY))
pool = AsyncConnectionPool(URL, min_size=CONCURRENCY, max_size=CONCURRENCY, open=False)


@app.task
async def cancel(booking_id: int) -> None:
    """Cancel one booking if it is still open: one transaction."""
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        row = await (await connection.execute(LOCK, [booking_id])).fetchone()
        if row is None:
            return
        customer, status, starts = row
        details = {
            "previous_status": status,
            "reason": "expired",
            "booking_date": starts.isoformat(),
            "cancelled_at": now.isoformat(),
        }
        await connection.execute(CANCEL, [now, now, booking_id])
        await connection.execute(NOTE, [booking_id, json.dumps(details), now])
        await connection.execute(TELL, [booking_id, customer, now])


async def due() -> list[int]:
    """Return the bookings that lapsed."""
    async with pool.connection() as connection:
        return [row[0] for row in await (await connection.execute(DUE, [datetime.now(UTC) - GRACE])).fetchall()]


async def main() -> None:
    """Print how long it took."""
    await pool.open(wait=True)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        began = time.perf_counter()
        await cancel.batch_defer_async(*({"booking_id": booking} for booking in await due()))
        await app.run_worker_async(wait=False, concurrency=CONCURRENCY, install_signal_handlers=False)
        print(json.dumps({"seconds": time.perf_counter() - began}))
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main())
