"""Runs of the expiry service by hand: asked for, waited for, approved. The running services carry them out."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.actors import Actor
from contracts.ids import derived_id
from services.cli.endpoints import answering_database, reach
from services.expiry.reports import (
    SCHEMA,
    AutoCancelDisabled,
    ExpirySettings,
    FullReport,
    FutureAsOf,
    NoSuchRun,
    RunRequest,
    Started,
    approve,
    give_up,
    report,
    start,
)
from services.runtime.clock import business_clock
from services.runtime.db import open_direct_engine
from services.runtime.errors import Halt
from services.runtime.migrations import require_newest

ASK_EVERY = 0.2
PATIENCE = 60.0
PAGE = 10_000
T = TypeVar("T")
Told = Callable[[FullReport], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where runs are asked for: the settings, the database and the business instant."""

    settings: ExpirySettings
    engine: AsyncEngine
    now: Callable[[], datetime]

    async def do(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Return what `work` does in a transaction of its own."""
        async with self.engine.begin() as connection:
            return await work(connection)


def at_desk(work: Callable[[Desk], Awaitable[T]]) -> T:
    """Return what `work` does on the system that is meant. Raises Halt."""
    reach("database", "kafka")
    settings = ExpirySettings.load()
    try:
        with answering_database(settings.database_url):
            return asyncio.run(_at_desk(settings, work))
    except (AutoCancelDisabled, FutureAsOf, NoSuchRun) as error:
        raise Halt(str(error)) from error


async def _at_desk(settings: ExpirySettings, work: Callable[[Desk], Awaitable[T]]) -> T:
    async with _opened(settings) as engine:
        async with engine.connect() as connection:
            await require_newest(connection, SCHEMA)
        return await work(Desk(settings, engine, business_clock(settings.clock_file, settings.env).now))


@asynccontextmanager
async def _opened(settings: ExpirySettings) -> AsyncIterator[AsyncEngine]:
    engine = open_direct_engine(settings.database_url, name="sewa-expiry")
    try:
        yield engine
    finally:
        await engine.dispose()


def asked_for(**options: object) -> RunRequest:
    """Return the run that options of the command line ask for. Raises Halt that says what is wrong with them."""
    try:
        return RunRequest.model_validate(options)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        raise Halt("; ".join(": ".join((*map(str, e["loc"]), e["msg"].removeprefix("Value error, "))) for e in wrong)) from error


def operator(by: UUID | None) -> Actor:
    """Return the admin who acts: the one that is named, else one whose id is derived from the user's name."""
    return Actor("admin", str(by or derived_id("operator", os.environ.get("USER") or str(os.getuid()))))


async def begin(desk: Desk, request: RunRequest, by: Actor) -> Started:
    """Begin a run. Raises AutoCancelDisabled, FutureAsOf."""
    return await desk.do(lambda connection: start(connection, desk.settings, request, by, desk.now()))


async def let_go(desk: Desk, run: UUID, by: Actor) -> Started:
    """Let what is held go on. Raises NoSuchRun, AutoCancelDisabled."""
    return await desk.do(lambda connection: approve(connection, desk.settings, run, by, desk.now()))


async def outcome(desk: Desk, run: UUID, tell: Told, patience: float = PATIENCE) -> FullReport:
    """Wait until a run has ended or is held, or has brought no answer for so many seconds of the host; `tell` hears of every look."""
    counts, answered_at = None, time.monotonic()
    while (found := await desk.do(lambda connection: report(connection, run, limit=1))).status == "running":
        tell(found)
        if found.counts != counts:
            counts, answered_at = found.counts, time.monotonic()
        if time.monotonic() - answered_at >= patience:
            await desk.do(lambda connection: give_up(connection, run, desk.now()))
        await asyncio.sleep(ASK_EVERY)
    return await whole(desk, run)


async def whole(desk: Desk, run: UUID) -> FullReport:
    """Return how a run stands with all of its results. Raises NoSuchRun."""
    page = await desk.do(lambda connection: report(connection, run, limit=PAGE))
    results = list(page.results)
    while place := page.next:
        page = await desk.do(lambda connection, place=place: report(connection, run, place, PAGE))  # type: ignore[misc]
        results += page.results
    return page.model_copy(update={"results": tuple(results), "next": None})
