"""What a history needs: an empty database that histories share, connections to it, and silence in the logs."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import asyncpg
import pytest
import structlog

from services.runtime.db import open_direct_engine, open_engine
from tests.servers import copied_database
from tests.simulation.history import History
from tests.simulation.living import begun, live
from tests.simulation.world import Engines

Live = partial[Coroutine[Any, Any, History]]
Begin = Callable[[int], AbstractAsyncContextManager[History]]


@pytest.fixture(scope="session")
def simulated_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated database, emptied before each history."""
    with copied_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Log nothing: traps make warnings by the thousand."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def stage(simulated_database: str) -> AsyncIterator[dict[str, Any]]:
    """Open what histories are lived through on: connections for the services, one that looks, and the tables to empty before each."""
    engines = Engines(open_engine(simulated_database, pool_size=8, name="simulation"), open_direct_engine(simulated_database, name="locks"))
    eye = await asyncpg.connect(simulated_database)
    tables = await eye.fetch(
        """select schemaname || '.' || tablename from pg_tables
        where schemaname in ('booking', 'directory', 'expiry', 'notifier', 'payments') and tablename not like 'alembic%'
            and not exists (select from pg_inherits where inhrelid = (schemaname || '.' || tablename)::regclass) order by 1"""
    )
    yield {"engines": engines, "eye": eye, "tables": [table for (table,) in tables]}
    await eye.close()
    await engines.pool.dispose()
    await engines.direct.dispose()


@pytest.fixture
def begin(stage: dict[str, Any]) -> Begin:
    """Begin the history of a seed."""
    return partial(begun, **stage)


@pytest.fixture
def live_through(stage: dict[str, Any]) -> Live:
    """Live through the history of a seed."""
    return partial(live, **stage)
