"""Carries runs out: asks for what was found, skips what changed since, and notes what becomes of each booking."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.actors import Actor
from contracts.commands import MaintenanceCancel
from contracts.ids import derived_id
from contracts.message import Message
from services.expiry import run_answers, runs_store
from services.expiry.current import Current
from services.expiry.emissions import SOURCE
from services.expiry.finding import lapsed
from services.expiry.runs import Counts, Run
from services.expiry.store import Entry, Mark
from services.expiry.sweep import BATCH, Sweep
from services.expiry.tables import SCHEMA
from services.runtime import outbox
from services.runtime.clock import host_now
from services.runtime.db import once_committed, transaction
from services.runtime.metrics import MAINTENANCE_COMMANDS
from services.runtime.worker import Publish

PATIENCE = 60.0
log = structlog.get_logger()


def maintenance_command(entry: Entry, run: Run, now: datetime) -> Message[MaintenanceCancel]:
    """Return the command that cancels `entry` in the name of whoever asked for the run; the same one always has the same id."""
    identity = str(derived_id(str(run.id), str(entry.booking), str(entry.version)))
    data = MaintenanceCancel(expected_version=entry.version, reason=run.reason or "")
    return Message(identity, SOURCE, str(entry.booking), now, Actor.parse(run.requested_by or ""), data)


@dataclass
class Progress:
    """How far a run is, as this process knows it: the scan for it, and when it got its last answer."""

    sweep: Sweep
    counts: Counts
    answered_at: float


@dataclass
class Running:
    """Takes a step of every run under way.

    A run that gets no answer for `patience` seconds of the host has failed; one that was approved goes on until all is answered. While
    auto-cancellation is not `enabled`, scans rest even if they were approved.
    """

    engine: AsyncEngine
    current: Current
    publish: Publish
    in_flight: int = 2000
    enabled: bool = True
    patience: float = PATIENCE
    host: Callable[[], datetime] = host_now
    steady: Callable[[], float] = time.monotonic
    progress: dict[UUID, Progress] = field(default_factory=dict)

    async def run_once(self, connection: AsyncConnection, now: datetime) -> bool:
        """Take a step of each run at the business instant `now`; True when one of them may go on at once."""
        runs = [run for run in await runs_store.under_way(connection) if self.enabled or run.kind == "manual"]
        self.progress = {run.id: self.progress[run.id] for run in runs if run.id in self.progress}
        return any([await self._step(connection, run, now) for run in runs])

    async def _step(self, connection: AsyncConnection, run: Run, now: datetime) -> bool:
        refused = await run_answers.follow(connection, run, 2 * self.in_flight + BATCH)
        MAINTENANCE_COMMANDS.labels("refused").inc(refused)
        progress = self._progress(run)
        if run.selection.mode == "expired":
            more = await progress.sweep.run_once(connection, now)
        else:
            async with transaction(self.engine) as own:
                more = await self._maintain(own, run, now)
        await self._conclude(connection, run, progress, now)
        return more

    def _progress(self, run: Run) -> Progress:
        if run.id not in self.progress:
            find = partial(self._still_due, run=run)
            sweep = Sweep(self.current, self.publish, self.in_flight, host=self.host, find=find, run=run.id)
            self.progress[run.id] = Progress(sweep, Counts(0, 0, 0), self.steady())
        return self.progress[run.id]

    async def _still_due(self, connection: AsyncConnection, now: datetime, _after: Mark, limit: int, *, run: Run) -> list[Entry]:
        """Return entries of the run that are to be asked for; what is not due after all is answered so."""
        entries = await run_answers.unasked(connection, run, limit)
        policies = await self.current.read(connection)
        both = (run.selection, replace(run.selection, as_of=now))
        due = {entry.booking for entry in entries if all(lapsed(entry, policies, selection) for selection in both)}
        await run_answers.reject(connection, run, [entry.booking for entry in entries if entry.booking not in due], "not-due")
        return [entry for entry in entries if entry.booking in due]

    async def _maintain(self, connection: AsyncConnection, run: Run, now: datetime) -> bool:
        """Queue the commands of a batch."""
        entries = await self._still_due(connection, now, Mark(now, run.id), BATCH, run=run)
        commands = [maintenance_command(entry, run, now) for entry in entries]
        await run_answers.ask(connection, run, commands)
        await outbox.append(connection, SCHEMA, [outbox.outgoing(command) for command in commands])
        once_committed(connection, lambda: MAINTENANCE_COMMANDS.labels("emitted").inc(len(commands)))
        return bool(entries)

    async def _conclude(self, connection: AsyncConnection, run: Run, progress: Progress, now: datetime) -> None:
        """End a run whose bookings are all answered, or that has waited for too long."""
        counts = (await runs_store.counts(connection, [run.id]))[run.id]
        if counts != progress.counts:
            progress.counts, progress.answered_at = counts, self.steady()
        waits = self.steady() - progress.answered_at
        if not counts.unanswered:
            await runs_store.end(connection, run.id, "done", now)
        elif run.approved_at is None and waits >= self.patience:
            log.warning("run_failed", run=str(run.id), unanswered=counts.unanswered, waited=waits)
            await runs_store.end(connection, run.id, "failed", now)
