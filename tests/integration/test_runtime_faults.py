"""Real answers of PostgreSQL, classified as they come through the driver."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.runtime.db import Lock, open_direct_engine, open_engine
from services.runtime.faults import Fault, fault

TABLES = """
    create extension if not exists btree_gist;
    create temp table parent (id int primary key, number int constraint positive check (number > 0));
    insert into parent values (1, 1);
    create temp table child (parent int not null references parent, amount numeric(4, 2));
    create temp table months (id int) partition by range (id);
    create temp table slots (who int, slot int4range, exclude using gist (who with =, slot with &&));
    insert into slots values (1, '[1,5)')
"""


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_direct_engine(postgres_url, name="test")
    yield engine
    await engine.dispose()


async def failure(engine: AsyncEngine, *statements: str, **parameters: object) -> SQLAlchemyError:
    """What the last of these statements raises."""
    async with engine.connect() as connection:
        for statement in (*TABLES.split(";"), *statements[:-1]):
            await connection.execute(text(statement))
        with pytest.raises(SQLAlchemyError) as raised:
            await connection.execute(text(statements[-1]), parameters)
    return raised.value


@pytest.mark.parametrize(
    ("statement", "parameters", "expected"),
    [
        pytest.param("select 1 / 0", {}, Fault.DATA, id="22012 division by zero"),
        pytest.param("""select '"\\u0000"'::jsonb""", {}, Fault.DATA, id="22P05 a NUL in JSON"),
        pytest.param("select cast(:text as text)", {"text": "a\0b"}, Fault.DATA, id="22021 a NUL in text"),
        pytest.param("select cast(:text as text)", {"text": "\ud800"}, Fault.DATA, id="half a surrogate pair, refused by the driver"),
        pytest.param("select cast(:number as int)", {"number": 2**31}, Fault.DATA, id="a number the driver refuses"),
        pytest.param("insert into child values (1, 100)", {}, Fault.DATA, id="22003 out of range"),
        pytest.param("insert into child values (null)", {}, Fault.DATA, id="23502 not null"),
        pytest.param("insert into child values (2)", {}, Fault.DATA, id="23503 foreign key"),
        pytest.param("insert into parent values (1, 1)", {}, Fault.DATA, id="23505 unique"),
        pytest.param("insert into parent values (2, -1)", {}, Fault.DATA, id="23514 of our own"),
        pytest.param("insert into months values (1)", {}, Fault.TRANSIENT, id="23514 without a partition"),
        pytest.param("insert into slots values (1, '[4,6)')", {}, Fault.CONFLICT, id="23P01 exclusion"),
        pytest.param("select * from absent", {}, Fault.TRANSIENT, id="42P01 not migrated"),
    ],
)
async def test_an_answer_has_its_kind(engine: AsyncEngine, statement: str, parameters: Mapping[str, object], expected: Fault) -> None:
    assert fault(await failure(engine, statement, **parameters)) is expected


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(("set transaction read only", "insert into months values (1)"), id="25006 read only"),
        pytest.param(("set local statement_timeout = 20", "select pg_sleep(10)"), id="57014 timed out"),
        pytest.param(("select pg_terminate_backend(pg_backend_pid())",), id="57P01 cut off"),
    ],
)
async def test_what_passes_is_transient(engine: AsyncEngine, statements: tuple[str, ...]) -> None:
    assert fault(await failure(engine, *statements)) is Fault.TRANSIENT


async def test_a_deadlock_is_run_again(engine: AsyncEngine) -> None:
    both = asyncio.Barrier(2)

    async def lock(first: int, second: int) -> Fault | None:
        try:
            async with engine.begin() as connection:
                await connection.execute(text("set local deadlock_timeout = '20ms'"))
                await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": first})
                await both.wait()
                await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": second})
        except DBAPIError as error:
            return fault(error)
        return None

    assert set(await asyncio.gather(lock(1, 2), lock(2, 1))) == {Fault.CONFLICT, None}


async def test_a_server_that_is_away_is_transient() -> None:
    engine = open_engine("postgresql://booking@127.0.0.1:1/booking", pool_size=1, name="test")
    with pytest.raises(OSError, match="Connect call failed") as raised:
        async with engine.connect():
            raise AssertionError
    assert fault(raised.value) is Fault.TRANSIENT


async def test_a_lock_is_held_by_one_until_it_lets_go(postgres_url: str) -> None:
    engine = open_direct_engine(postgres_url, name="test")
    one, other = Lock(engine, "leader"), Lock(engine, "leader")
    held = await one.take()
    assert held is not None
    assert await one.take() is held
    assert await other.take() is None
    await one.release()
    assert await other.take() is not None
    assert await one.take() is None
    await other.release()


async def test_locks_of_other_names_do_not_meet(postgres_url: str) -> None:
    engine = open_direct_engine(postgres_url, name="test")
    locks = [Lock(engine, name) for name in ("slot:booking:0", "slot:booking:1", "booking:relay")]
    assert None not in [await lock.take() for lock in locks]
    for lock in locks:
        await lock.release()


async def test_a_lock_whose_connection_was_cut_is_taken_anew(postgres_url: str) -> None:
    engine = open_direct_engine(postgres_url, name="test")
    lock = Lock(engine, "leader")
    held = await lock.take()
    assert held is not None
    with pytest.raises(DBAPIError):
        await held.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    again = await lock.take()
    assert again is not None
    assert again is not held
    await lock.release()
