"""Where verbs of admins do their work: in one transaction on the system that is meant, at its business instant."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.endpoints import answering_database, reach
from services.expiry.reports import SCHEMA, ExpirySettings, NotAcceptable, Problem
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine
from services.runtime.migrations import require_newest

T = TypeVar("T")
Work = Callable[[AsyncConnection, ExpirySettings, datetime], Awaitable[T]]
SNAPSHOT = "REPEATABLE READ"


def settings_of_expiry() -> ExpirySettings:
    """Return the settings of the expiry service of the system that is meant. Raises Halt."""
    reach("database", "kafka")
    return ExpirySettings.load()


def at_the_desk(work: Work[T], isolation: str = "READ COMMITTED") -> T:
    """Return what `work` returns, done in a transaction. Raises Halt, also where the schema is not the newest."""

    async def transact() -> T:
        engine = open_direct_engine(settings.database_url, name="sewa-policy").execution_options(isolation_level=isolation)
        try:
            async with engine.begin() as connection:
                await require_newest(connection, SCHEMA)
                return await work(connection, settings, business_clock(settings.clock_file, settings.env).now())
        finally:
            await engine.dispose()

    settings = settings_of_expiry()
    with answering_database(settings.database_url):
        return asyncio.run(transact())


def read_object(file: Path) -> Mapping[str, object]:
    """Return the JSON object in a file. Raises NotAcceptable, OSError."""
    try:
        document = json.loads(file.read_bytes())
    except ValueError as error:
        raise NotAcceptable(Problem(str(file), f"no JSON: {error}")) from error
    if not isinstance(document, dict):
        raise NotAcceptable(Problem(str(file), "should be a JSON object"))
    return document
