"""What others may ask of bookings: apart from `app`, since who only reads needs none of what a process brings along."""

from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.booking import figures_store
from services.booking.analytics import GroupBy, Period, standing_of
from services.booking.analytics_store import analytics
from services.booking.settings import BookingSettings
from services.booking.timeline import Entry, read_timeline
from services.runtime.db import open_direct_engine

__all__ = ["BookingSettings", "Entry", "GroupBy", "Period", "analytics", "rates", "read_timeline", "report"]


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
