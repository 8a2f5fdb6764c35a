"""What waits for the commit of its transaction, and what becomes of it when that fails."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.runtime.db import once_committed, open_engine, transaction

AT_THE_END = "create temp table numbers (number int unique deferrable initially deferred) on commit drop"


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(postgres_url, pool_size=1, name="test")
    yield engine
    await engine.dispose()


async def test_it_is_done_after_the_commit_in_order(engine: AsyncEngine) -> None:
    done: list[str] = []
    async with transaction(engine) as connection:
        once_committed(connection, lambda: done.append("first"))
        once_committed(connection, lambda: done.append("second"))
        await connection.execute(text("select 1"))
        assert done == []
    assert done == ["first", "second"]


async def test_it_is_done_once_on_a_connection_that_is_used_again(engine: AsyncEngine) -> None:
    done: list[str] = []
    async with transaction(engine) as connection:
        once_committed(connection, lambda: done.append("first"))
    async with transaction(engine) as connection:
        once_committed(connection, lambda: done.append("second"))
    assert done == ["first", "second"]


async def test_nothing_is_done_when_the_transaction_is_rolled_back(engine: AsyncEngine) -> None:
    done: list[str] = []
    with suppress(ConnectionResetError):
        async with transaction(engine) as connection:
            once_committed(connection, lambda: done.append("first"))
            raise ConnectionResetError
    assert done == []


async def test_nothing_is_done_when_the_commit_itself_fails(engine: AsyncEngine) -> None:
    done: list[str] = []

    async def fail_at_the_end() -> None:
        async with transaction(engine) as connection:
            for statement in (AT_THE_END, "insert into numbers values (1)", "insert into numbers values (1)"):
                await connection.execute(text(statement))
            once_committed(connection, lambda: done.append("first"))

    with pytest.raises(IntegrityError):
        await fail_at_the_end()
    assert done == []
