"""Reads the tables of the services, past the proxy."""

from collections import Counter
from typing import Any

import asyncpg

from tests.faults.folding import Row
from tests.faults.trial import Tables

BOOKINGS = "select id, version, status, booking_date, cancellation_reason, expired_at, captured, confirmed_by from booking.bookings"
SETTLED = "select source, message_id, outcome from booking.inbox"
COPIES = {
    "expiry": "select booking, version, status from expiry.deadlines",
    "notifier": "select id, version, status from notifier.bookings",
    "payments": "select booking, version, status from payments.accounts",
}
DEADLINES = "select booking, expires_at from expiry.deadlines"
TOLD = (
    "select event, recipient::text, channel, template, 'Notification' || initcap(state) from notifier.deliveries where state <> 'pending'"
)
IN_APP = "select booking::text, recipient::text, template from notifier.letters"


async def read_tables(database: str) -> Tables:
    """Return what the tables say. Raises what asyncpg raises."""
    connection = await asyncpg.connect(database, timeout=10)
    try:
        return Tables(
            {str(r["id"]): _row(r) for r in await connection.fetch(BOOKINGS)},
            {(r[0], r[1]): r[2] for r in await connection.fetch(SETTLED)},
            {name: {str(r[0]): (r[1], r[2]) for r in await connection.fetch(copy)} for name, copy in COPIES.items()},
            {str(r[0]): r[1] for r in await connection.fetch(DEADLINES)},
            Counter(tuple(r) for r in await connection.fetch(TOLD)),
            Counter(tuple(r) for r in await connection.fetch(IN_APP)),
        )
    finally:
        await connection.close()


def _row(r: Any) -> Row:
    return Row(*(r[name] for name in Row.__dataclass_fields__))
