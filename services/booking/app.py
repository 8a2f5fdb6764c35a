"""The booking service, composed: one consumer of commands, the relay of its outbox, and what keeps its tables in shape."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.topics import BOOKING_COMMANDS
from services.booking import exporter, figures_store, handlers, parking, store
from services.booking.analytics import GroupBy, Period, standing_of
from services.booking.analytics_store import analytics
from services.booking.settings import BookingSettings
from services.booking.tables import PARTITIONED, SCHEMA
from services.runtime import inbox
from services.runtime.db import open_direct_engine
from services.runtime.loops import transacted
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["BookingSettings", "GroupBy", "Period", "analytics", "build", "rates", "report"]

AT_ONCE = 500
FOLD_EVERY = 1.0
EXPORT_EVERY = 2.0


def build(settings: BookingSettings) -> Process:
    """Return the booking service, ready to run. Raises Misconfigured."""
    process, zone = Process("booking", settings, settings.port), ZoneInfo(settings.timezone)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    process.consume(
        handlers.GROUP, [BOOKING_COMMANDS.name], partial(handlers.settle, zone=zone), prepare=partial(_make_partitions, partitions)
    )
    process.relay(SCHEMA, store.waiting)
    process.lead("figures", FOLD_EVERY, fold_figures)
    process.export("business", EXPORT_EVERY, exporter.reading(zone))
    process.repeat("parked", 1.0, transacted(process.engine, partial(settle_arrived, zone=zone)))
    process.repeat("orphans", 1.0, transacted(process.engine, bury_orphans))
    process.repeat("inbox", 3600.0, transacted(process.engine, partial(forget, settings.inbox_days)))
    return process


async def _make_partitions(partitions: Partitions, batch: Sequence[Received]) -> None:
    await partitions.ensure_for(UUID(received.message.subject) for received in batch)


async def settle_arrived(connection: AsyncConnection, now: datetime, zone: tzinfo = handlers.NEPAL) -> bool:
    """Apply what is parked for bookings that exist meanwhile; True when there may be more."""
    ids = await parking.arrived(connection, AT_ONCE)
    if ids:
        await handlers.settle_parked(connection, ids, now, zone)
    return len(ids) == AT_ONCE


async def bury_orphans(connection: AsyncConnection, now: datetime) -> bool:
    """Bury what waits in vain; True when there may be more."""
    return await handlers.bury_orphans(connection, now) > 0


async def forget(days: int, connection: AsyncConnection, _now: datetime) -> bool:
    """Forget inbox rows older than `days` of the host; True when there may be more."""
    return await inbox.forget(connection, SCHEMA, days) > 0


async def fold_figures(connection: AsyncConnection, _now: datetime) -> bool:
    """Fold what batches have added into the totals; True when there may be more."""
    return await figures_store.fold(connection)


async def rates(connection: AsyncConnection) -> tuple[str | None, str | None]:
    """Return the completion and the auto-cancellation rate of all bookings, in per cent."""
    standing = standing_of(await figures_store.read(connection, date.min, date.max))
    return standing.completion, standing.auto_cancellation


async def report(url: str, period: Period, now: datetime) -> dict[str, object]:
    """Return the analytics of `period`, from one snapshot of the database at `url`."""
    engine = open_direct_engine(url, name="sewa-analytics")
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            return await analytics(connection, period, now)
    finally:
        await engine.dispose()
