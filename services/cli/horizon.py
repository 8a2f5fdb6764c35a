"""How many bookings reach their deadline in each of the next hours, read from the index of deadlines."""

from datetime import datetime, timedelta

from sqlalchemy import text

from services.runtime.db import open_direct_engine

HOURS = 24


async def horizon(url: str, now: datetime) -> list[int] | None:
    """Return the number of deadlines in each of the 24 hours from the business instant `now`; None where there is no index.

    Raises SQLAlchemyError, OSError.
    """
    engine = open_direct_engine(url, name="sewa-top")
    try:
        async with engine.connect() as connection:
            if not await connection.scalar(text("select to_regclass('expiry.deadlines') is not null")):
                return None
            rows = await connection.execute(
                text("""
                    select cast(floor(extract(epoch from expires_at - :now) / 3600) as int) as hour, count(*) as number
                    from expiry.deadlines where expires_at > :now and expires_at < :until group by 1"""),
                {"now": now, "until": now + timedelta(hours=HOURS)},
            )
            numbers = {row.hour: row.number for row in rows}
    finally:
        await engine.dispose()
    return [numbers.get(hour, 0) for hour in range(HOURS)]
