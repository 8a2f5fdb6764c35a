"""The database: one pool for transactions, one held connection for the locks that make a process a leader."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog
from pydantic_core import to_json
from sqlalchemy import NullPool, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

STATEMENT_SECONDS = 60
CONNECT_SECONDS = 10
ONCE_COMMITTED = "once_committed"
Action = Callable[[], None]
log = structlog.get_logger()


def open_engine(url: str, *, pool_size: int, name: str) -> AsyncEngine:
    """Return a pool of `pool_size` connections to `url`, shown as `name` in pg_stat_activity."""
    return _engine(url, name, pool_size=pool_size, max_overflow=0, pool_timeout=CONNECT_SECONDS)


def open_direct_engine(url: str, *, name: str) -> AsyncEngine:
    """Return an engine that opens a connection of its own at each `connect()`."""
    return _engine(url, name, poolclass=NullPool)


def _engine(url: str, name: str, **pooling: Any) -> AsyncEngine:
    """Return an engine whose errors do not repeat what was written: they end up in logs and dead letters."""
    return create_async_engine(_with_driver(url), connect_args=_connect_args(name), hide_parameters=True, **pooling)


def _with_driver(url: str) -> str:
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _connect_args(name: str) -> dict[str, Any]:
    return {"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS, "server_settings": {"application_name": name}}


def rows_json(rows: Iterable[object]) -> str:
    """Return `rows`, mappings or dataclasses, as the JSON array that `json_populate_recordset` reads; ids and amounts as their text."""
    return to_json(list(rows)).decode()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection in a transaction, commit that at the end, and then do what `once_committed` was given on the way."""
    actions: list[Action] = []
    async with engine.begin() as connection:
        await connection.execution_options(**{ONCE_COMMITTED: actions})
        yield connection
    for action in actions:
        action()


def once_committed(connection: AsyncConnection, action: Action) -> None:
    """Call `action` when the `transaction` that `connection` is in has committed; never when it was rolled back, or may have been."""
    cast(Connection, connection.sync_connection).get_execution_options()[ONCE_COMMITTED].append(action)


def cells(value: Any) -> dict[str, Any]:
    """Return the fields of a slotted dataclass by name, each as it is."""
    return {name: getattr(value, name) for name in value.__slots__}


class Lock:
    """A named advisory lock, held by one connection for as long as that connection lives."""

    def __init__(self, engine: AsyncEngine, name: str, rest: float = 0.0) -> None:
        """Prepare the lock `name`, nothing is opened yet; found in other hands, it is not asked for again for `rest` seconds."""
        self._engine, self.name, self._rest = engine, name, rest
        self._connection: AsyncConnection | None = None
        self._try_at = 0.0

    async def take(self) -> AsyncConnection | None:
        """Return the connection that holds the lock, or None while another process holds it. Raises on a lost database."""
        if self._connection is not None and not self._connection.closed and not self._connection.invalidated:
            return self._connection
        await self.release()
        if time.monotonic() < self._try_at:
            return None
        connection = await self._engine.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        if await connection.scalar(text("select pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": self.name}):
            self._connection = connection
            log.info("lock_taken", lock=self.name)
            return connection
        await connection.close()
        self._try_at = time.monotonic() + self._rest
        return None

    async def release(self) -> None:
        """Close the connection, and so give the lock back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            except (SQLAlchemyError, OSError) as error:
                log.warning("lock_connection_lost", lock=self.name, error=str(error))
