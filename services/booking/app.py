"""The booking service, composed: consumers of commands and of payment facts, the relay of its outbox, and what time brings about."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ids import as_id
from contracts.topics import BOOKING_COMMANDS, PAYMENT_EVENTS
from services.booking import exporter, handlers, parking, store, timers
from services.booking.settings import BookingSettings
from services.booking.tables import PARTITIONED, SCHEMA
from services.runtime import inbox
from services.runtime.loops import transacted
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["BookingSettings", "build"]

AT_ONCE = 500
FOLD_EVERY = 1.0


def build(settings: BookingSettings) -> Process:
    """Return the booking service, ready to run. Raises Misconfigured."""
    process, zone = Process("booking", settings, settings.port), ZoneInfo(settings.timezone)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    settle = partial(handlers.settle, auto_confirm_after=settings.time_to_answer, zone=zone)
    settle_waiting = partial(settle_arrived, auto_confirm_after=settings.time_to_answer, zone=zone)
    process.consume(handlers.GROUP, [BOOKING_COMMANDS.name], settle, prepare=partial(_make_partitions, partitions))
    process.consume(handlers.PAYMENTS_GROUP, [PAYMENT_EVENTS.name], settle)
    process.relay(SCHEMA, store.waiting)
    process.export("figures", FOLD_EVERY, exporter.reading(zone))
    process.repeat("parked", 1.0, transacted(process.engine, settle_waiting))
    process.repeat("orphans", 1.0, transacted(process.engine, bury_orphans))
    process.repeat("prepayments", 1.0, transacted(process.engine, partial(timers.lapse_prepayments, zone=zone)))
    process.repeat("unanswered", 1.0, transacted(process.engine, partial(timers.confirm_unanswered, zone=zone)))
    process.repeat("inbox", 3600.0, transacted(process.engine, partial(forget, settings.inbox_days)))
    return process


async def _make_partitions(partitions: Partitions, batch: Sequence[Received]) -> None:
    await partitions.ensure_for(as_id(received.message.subject) for received in batch)


async def settle_arrived(
    connection: AsyncConnection, now: datetime, auto_confirm_after: timedelta | None = None, zone: tzinfo = handlers.NEPAL
) -> bool:
    """Apply what is parked for bookings that exist meanwhile; True when there may be more."""
    ids = await parking.arrived(connection, AT_ONCE)
    if ids:
        await handlers.settle_parked(connection, ids, now, auto_confirm_after, zone)
    return len(ids) == AT_ONCE


async def bury_orphans(connection: AsyncConnection, now: datetime) -> bool:
    """Bury what waits in vain; True when there may be more."""
    return await handlers.bury_orphans(connection, now) > 0


async def forget(days: int, connection: AsyncConnection, _now: datetime) -> bool:
    """Forget inbox rows older than `days` of the host; True when there may be more."""
    return await inbox.forget(connection, SCHEMA, days) > 0
