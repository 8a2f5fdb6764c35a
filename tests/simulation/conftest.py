"""What a history needs: an empty database that histories share, connections to it, and silence in the logs."""

import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any

import asyncpg
import pytest
import structlog

from services.runtime.db import open_direct_engine, open_engine
from tests.servers import copied_database
from tests.simulation.history import History, live
from tests.simulation.world import Engines

Live = partial[Coroutine[Any, Any, History]]


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
async def live_through(simulated_database: str) -> AsyncIterator[Live]:
    """Live through the history of a seed."""
    engines = Engines(open_engine(simulated_database, pool_size=8, name="simulation"), open_direct_engine(simulated_database, name="locks"))
    eye = await asyncpg.connect(simulated_database)
    tables = await eye.fetch(
        """select schemaname || '.' || tablename from pg_tables
        where schemaname in ('booking', 'directory', 'expiry', 'notifier', 'payments') and tablename not like 'alembic%'
            and not exists (select from pg_inherits where inhrelid = (schemaname || '.' || tablename)::regclass) order by 1"""
    )
    yield partial(live, engines=engines, eye=eye, tables=[table for (table,) in tables])
    await eye.close()
    await engines.pool.dispose()
    await engines.direct.dispose()
