"""How late a customer is told is counted from the deadline, on the business clock, once the send ledger has the letter."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.ids import new_id
from services.cli.bench.latency import lateness
from services.cli.demo.stage import Stage, set_clock
from services.notifier.tables import PARTITIONED, SCHEMA
from services.runtime.clock import FileClock, host_now
from services.runtime.db import open_direct_engine
from services.runtime.partitions import Partitions
from tests.builders import NOW

TELL = """
    insert into notifier.deliveries (booking, event, recipient, channel, template, booking_version, correlation_id, state)
    values (:booking, 'e', gen_random_uuid(), 'in_app', :template, 3, 'c', 'sent')"""


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_direct_engine(database_url, name="test")
    await Partitions(engine, SCHEMA, PARTITIONED).ensure([host_now().date()])
    yield engine
    await engine.dispose()


async def test_a_letter_is_as_late_as_its_deadline_is_past(engine: AsyncEngine, tmp_path: Path) -> None:
    stage = Stage(tmp_path, "", "", FileClock(set_clock(tmp_path, NOW)))
    due = {new_id(): NOW - timedelta(seconds=late) for late in (60, 600)}
    async with engine.begin() as connection:
        for booking in due:
            for template in ("expired-customer", "expired-provider"):
                await connection.execute(text(TELL), {"booking": booking, "template": template})
    assert sorted(round(late / 60) for late in await lateness(stage, engine, due)) == [1, 10]
