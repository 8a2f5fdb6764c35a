"""The tables that grow have a partition for every month that an id asks for, made while others write."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text

from services.booking.tables import PARTITIONED
from services.runtime.partitions import Partitions, following, lowest_id
from tests.builders import accept, bookings, cancel, create
from tests.integration.booking_service import Service, opened

MAY_2001, FEBRUARY_2024 = date(2001, 5, 1), date(2024, 2, 1)
PARTITIONS = """
    select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent in ('booking.bookings'::regclass, 'booking.log'::regclass) order by 1"""


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


def keeper(service: Service) -> Partitions:
    return Partitions(service.engine, "booking", PARTITIONED)


def first_of(month: date) -> UUID:
    """The first booking id of a month."""
    return UUID(int=lowest_id(month).int | 0x7 << 76 | 0b10 << 62)


def last_of(month: date) -> UUID:
    """The last one."""
    return UUID(int=(lowest_id(following(month)).int - 1) & ~(0xF << 76) & ~(0b11 << 62) | 0x7 << 76 | 0b10 << 62)


async def partitions(service: Service) -> list[str]:
    return [name for (name,) in await service.rows(PARTITIONS)]


async def test_bookings_of_any_month_find_their_partition(service: Service) -> None:
    ids = [*bookings(1), *(of(month) for month in (MAY_2001, FEBRUARY_2024) for of in (first_of, last_of))]
    assert set(await service.settle(*(create(booking) for booking in ids))) == {"handled"}
    assert set(await service.settle(*(cancel(booking) for booking in ids))) == {"handled"}
    assert len(await service.events()) == 3 * len(ids)
    assert {"bookings_2001_05", "log_2001_05", "bookings_2024_02", "log_2024_02"} < set(await partitions(service))


async def test_the_bounds_of_a_month_are_those_of_its_ids(service: Service) -> None:
    await service.settle(create(first_of(FEBRUARY_2024)), create(last_of(FEBRUARY_2024)))
    assert await service.value("select count(*) from booking.bookings_2024_02") == 2
    assert await partitions(service) == ["bookings_2024_02", "log_2024_02"]


async def test_two_processes_make_a_month_once(service: Service) -> None:
    months = [MAY_2001, FEBRUARY_2024]
    await asyncio.gather(*(keeper(service).ensure(months) for _ in range(4)))
    await keeper(service).ensure(months)
    assert len(await partitions(service)) == 4


async def test_a_month_is_made_while_others_write(service: Service) -> None:
    (booking,) = bookings(1)
    await service.settle(create(booking))
    async with service.engine.connect() as writer, writer.begin():
        await writer.execute(text("update booking.bookings set notes = 'under way'"))
        async with asyncio.timeout(10):
            await keeper(service).ensure([MAY_2001])
    assert await service.settle(accept(booking)) == ["handled"]


async def test_a_partition_has_the_keys_and_the_guard_of_its_table(service: Service) -> None:
    await keeper(service).ensure([MAY_2001])
    constraints = "select conname::text from pg_constraint where conrelid = $1::regclass and contype <> 'n' order by 1"
    assert await service.rows(constraints, "booking.log_2001_05") == [("log_2001_05_pkey",), ("version_counts_from_1",)]
    triggers = "select tgname::text from pg_trigger where tgrelid = 'booking.log_2001_05'::regclass"
    assert await service.rows(triggers) == [("append_only",)]
