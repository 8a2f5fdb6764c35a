"""Runs of the expiry service by hand: asked for, waited for, approved. The running services carry them out."""

import os
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.ids import derived_id
from services.cli.desk import T, Work, at_the_desk
from services.expiry.reports import (
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
from services.runtime.errors import Halt

ASK_EVERY = 0.2
PATIENCE = 60.0
PAGE = 10_000


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


def done(work: Work[T]) -> T:
    """Return what `work` returns, done on the system that is meant. Raises Halt."""
    try:
        return at_the_desk(work)
    except (AutoCancelDisabled, FutureAsOf, NoSuchRun) as error:
        raise Halt(str(error)) from error


def begin(request: RunRequest, by: Actor) -> Started:
    """Begin a run. Raises Halt."""
    return done(lambda connection, settings, now: start(connection, settings, request, by, now))


def let_go(run: UUID, by: Actor) -> Started:
    """Let what is held go on. Raises Halt."""
    return done(lambda connection, settings, now: approve(connection, settings, run, by, now))


def outcome(run: UUID, tell: Callable[[FullReport], object], patience: float = PATIENCE) -> FullReport:
    """Wait until a run has ended or is held, or has brought no answer for so many seconds of the host; `tell` hears of every look."""
    counts, answered_at = None, time.monotonic()
    while (found := done(lambda connection, _settings, _now: report(connection, run, limit=1))).status == "running":
        tell(found)
        if found.counts != counts:
            counts, answered_at = found.counts, time.monotonic()
        if time.monotonic() - answered_at >= patience:
            done(lambda connection, _settings, now: give_up(connection, run, now))
        time.sleep(ASK_EVERY)
    return whole(run)


def whole(run: UUID) -> FullReport:
    """Return how a run stands with all of its results. Raises Halt."""

    async def read(connection: AsyncConnection, _settings: ExpirySettings, _now: datetime) -> FullReport:
        page = await report(connection, run, limit=PAGE)
        results = page.results
        while page.next:
            page = await report(connection, run, page.next, PAGE)
            results += page.results
        return page.model_copy(update={"results": results})

    return done(read)
