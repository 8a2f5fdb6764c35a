"""Runs that somebody asks for: listed, begun, approved and looked at. The running services carry them out."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.ids import new_id
from contracts.values import instant_text, parse_instant
from services.expiry import runs_store
from services.expiry.answers import LARGEST_RUN, FullReport, Lapsed, Preview, Report, Result, RunRequest, Started, Tally
from services.expiry.current import Current
from services.expiry.errors import AutoCancelDisabled, FutureAsOf, NoSuchRun
from services.expiry.finding import find
from services.expiry.holding import enter
from services.expiry.runs import Counts, Run, Selection, Status
from services.expiry.settings import ExpirySettings
from services.expiry.store import START, Mark

CURRENCY = "NPR"
PAGE = 100
DISABLED = "AUTO_CANCEL_ENABLED is false: nothing is cancelled; set it to true, or ask for a dry run"


def _selection(request: RunRequest, now: datetime) -> Selection:
    return Selection(request.as_of or now, request.mode, request.category)


async def preview(connection: AsyncConnection, settings: ExpirySettings, request: RunRequest, now: datetime) -> Preview:
    """Return what a run would find, in its order, and do nothing; amounts in another currency are not in the total."""
    selection = _selection(request, now)
    policies = await Current(settings.policies).read(connection)
    found = await find(connection, policies, selection, ahead=selection.as_of > now)
    listed = found[: request.limit or LARGEST_RUN]
    return Preview(
        as_of=selection.as_of,
        count=len(found),
        total_amount=f"{sum((one.entry.total_amount or 0 for one in found if one.entry.currency == CURRENCY), Decimal(0)):.2f}",
        currency=CURRENCY,
        results=tuple(Lapsed.of(one) for one in listed),
        truncated=len(listed) < len(found),
    )


async def start(connection: AsyncConnection, settings: ExpirySettings, request: RunRequest, by: Actor, now: datetime) -> Started:
    """Begin a run in the transaction of `connection`, in the name of an admin.

    While anything is held, that is returned, and nothing begins. Raises AutoCancelDisabled, FutureAsOf.
    """
    if not (settings.enabled or request.force):
        raise AutoCancelDisabled(DISABLED)
    selection = _selection(request, now)
    if selection.as_of > now:
        message = f"as_of {instant_text(selection.as_of)} is later than now, {instant_text(now)}: only a dry run looks ahead"
        raise FutureAsOf(message)
    await runs_store.lock(connection)
    run = await runs_store.held(connection)
    if run is None:
        found = await find(connection, await Current(settings.policies).read(connection), selection)
        run = Run(
            new_id(),
            "manual",
            "running",
            selection,
            len(found),
            now,
            at_most=request.limit,
            reason=request.reason,
            force=request.force,
            requested_by=str(by),
        )
        run = await enter(connection, settings.breaker, run, found[: request.limit])
    return Started(run=run.id, status=run.status)


async def approve(connection: AsyncConnection, settings: ExpirySettings, run_id: UUID, by: Actor, now: datetime) -> Started:
    """Let what is held go on, once; approving again changes nothing. Raises NoSuchRun, AutoCancelDisabled."""
    run = await _known(connection, run_id)
    if run.status == "waiting_approval":
        if not (settings.enabled or run.force):
            raise AutoCancelDisabled(DISABLED)
        await runs_store.approve(connection, run_id, str(by), now)
        run = await _known(connection, run_id)
    return Started(run=run.id, status=run.status)


async def report(connection: AsyncConnection, run_id: UUID, after: str | None = None, limit: int = PAGE) -> FullReport:
    """Return how a run stands, with the results that follow the place `after`. Raises NoSuchRun, and ValueError for no such place."""
    run = await _known(connection, run_id)
    counts = await runs_store.counts(connection, [run_id])
    outcomes = await runs_store.outcomes(connection, run_id, _mark(after) if after else START, limit + 1)
    page = outcomes[:limit]
    return FullReport(
        **_standing(run, counts[run_id]),
        results=tuple(Result.of(outcome) for outcome in page),
        next=f"{instant_text(page[-1].expires_at)}~{page[-1].booking}" if len(outcomes) > limit else None,
    )


async def reports(connection: AsyncConnection, status: Status | None = None, limit: int = PAGE) -> list[Report]:
    """Return how the newest runs stand."""
    runs = await runs_store.latest(connection, status, limit)
    counts = await runs_store.counts(connection, [run.id for run in runs])
    return [Report(**_standing(run, counts[run.id])) for run in runs]


async def give_up(connection: AsyncConnection, run_id: UUID, now: datetime) -> None:
    """End a run under way that nobody wants to wait for any longer."""
    await runs_store.end(connection, run_id, "failed", now)


async def _known(connection: AsyncConnection, run_id: UUID) -> Run:
    run = await runs_store.read(connection, run_id)
    if run is None:
        message = f"there is no run or held scan {run_id}"
        raise NoSuchRun(message)
    return run


def _standing(run: Run, counts: Counts) -> dict[str, Any]:
    return {"run": run.id, "kind": run.kind, "status": run.status, "as_of": run.selection.as_of, "counts": Tally.of(counts)}


def _mark(place: str) -> Mark:
    at, _, booking = place.partition("~")
    return Mark(parse_instant(at), UUID(booking))
