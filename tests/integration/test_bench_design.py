"""What peers are given and how their outcome is judged: the check is worth nothing if a damaged outcome passes it."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.design import CANCELLED, Wrong, demand, demand_records, populate
from bench.peers.limit.expiry import CANCEL
from bench.servers import Servers

DUE, OPEN = 3, 2
TELL = "insert into notification select 99, {}, 1, template, channel, status, created_at from notification limit 1"
DAMAGE = {
    "one is still open": "update booking set status = 'pending' where id = 1",
    "one is told nothing": "delete from notification where booking_id = 2",
    "one is told twice": TELL.format(2),
    "one has no audit": "delete from audit_entry where booking_id = 3",
    "one that is not due is cancelled": "update booking set status = 'cancelled' where id = 4",
    "one that is not due is told": TELL.format(5),
    "one is gone": "delete from booking where id = 5",
}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with Servers(database_url, "").connected() as connection:
        await populate(connection, DUE, OPEN)
        yield connection


async def cancel(connection: AsyncConnection) -> None:
    now = datetime.now(UTC)
    raw = await connection.get_raw_connection()
    await raw.driver_connection.fetch(CANCEL, now - timedelta(hours=24), 500, now)  # type: ignore[union-attr]


async def test_what_the_limit_does_is_right(connection: AsyncConnection) -> None:
    await cancel(connection)
    await demand(connection, CANCELLED, DUE + OPEN)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_outcome_is_found(connection: AsyncConnection, damage: str) -> None:
    await cancel(connection)
    await connection.execute(text(damage))
    with pytest.raises(Wrong):
        await demand(connection, CANCELLED, DUE + OPEN)


@pytest.mark.parametrize("seen", [{1: 1}, {1: 1, 2: 2}, {1: 1, 2: 1, 3: 1}])
def test_a_record_that_is_missing_or_doubled_is_found(seen: dict[int, int]) -> None:
    with pytest.raises(Wrong):
        demand_records(Counter(seen), 2, 1)
