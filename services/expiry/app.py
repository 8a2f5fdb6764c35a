"""The expiry service, composed: the index fed by events, the scan, and the answers to its commands."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ids import as_id
from contracts.topics import BOOKING_EVENTS, BOOKING_REJECTIONS, POLICY_EVENTS
from services.expiry import handlers, office, reports, runs_store, store
from services.expiry.current import Current
from services.expiry.errors import NotAcceptable, Problem
from services.expiry.holding import Guard
from services.expiry.redating import Redating
from services.expiry.reminding import Reminding
from services.expiry.running import Running
from services.expiry.settings import ExpirySettings
from services.expiry.sweep import Sweep
from services.expiry.tables import PARTITIONED, SCHEMA
from services.runtime.causality import CatchUp, CaughtUp
from services.runtime.exhibit import Families, gauge
from services.runtime.loops import ConnectedStep, transacted
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["Current", "ExpirySettings", "NotAcceptable", "Problem", "Redating", "Sweep", "build", "office", "reports"]

VACUUMED_EAGERLY = "with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0)"  # a scan walks dead entries
REDATE_EVERY = 1.0
REMIND_EVERY = 1.0
RUN_EVERY = 0.25
MEASURE_EVERY = 5.0
log = structlog.get_logger()


def build(settings: ExpirySettings) -> Process:
    """Return the expiry service, ready to run. Raises Misconfigured."""
    process = Process("expiry", settings, settings.port)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED, VACUUMED_EAGERLY)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    current = Current(settings.policies)
    policies = CatchUp(process.consume("expiry.policies", [POLICY_EVENTS.name], handlers.settle_policies))
    prepare = partial(_prepare, partitions, CaughtUp(policies))
    process.consume("expiry.events", [BOOKING_EVENTS.name], handlers.indexing(current), prepare=prepare)
    process.consume("expiry.rejections", [BOOKING_REJECTIONS.name], handlers.note_rejections)
    process.relay(SCHEMA, store.waiting)
    _lead(process, "redate", REDATE_EVERY, policies.before(Redating(current).run_once))
    process.export("overdue", MEASURE_EVERY, measure)
    running = Running(process.engine, current, process.publish, settings.in_flight, settings.enabled)
    process.lead("runs", RUN_EVERY, policies.before(running.run_once))
    if settings.enabled:
        guard = Guard(process.engine, settings.breaker, current)
        sweep = Sweep(current, process.publish, settings.in_flight, admits=guard.admits)
        process.lead("scan", settings.scan_seconds, policies.before(sweep.run_once))
        _lead(process, "remind", REMIND_EVERY, policies.before(Reminding(current).run_once))
    else:
        log.warning("auto_cancel_disabled", because="AUTO_CANCEL_ENABLED is false")
    return process


def _lead(process: Process, name: str, every: float, step: ConnectedStep) -> None:
    """Have one process at a time run `step`, each time in a transaction of its own."""
    in_transaction = transacted(process.engine, step)
    process.lead(name, every, lambda _connection, now: in_transaction(now))


async def measure(connection: AsyncConnection, now: datetime) -> Families:
    """Return how much is overdue, and whether a scan is held."""
    return (
        gauge(
            "booking_overdue_bookings", "Bookings past their deadline that are not cancelled yet", await store.count_due(connection, now)
        ),
        gauge("booking_undated_bookings", "Open bookings without a deadline: their calendar ends before it", await _undated(connection)),
        gauge("booking_expiry_breaker_open", "Whether a scan is held until an admin approves it", bool(await runs_store.held(connection))),
    )


async def _undated(connection: AsyncConnection) -> int:
    """Count the open bookings that can never lapse as things stand, and warn of them."""
    if undated := await store.count_undated(connection):
        log.warning("bookings_without_a_deadline", bookings=undated, because="their calendar ends before: publish one with more years")
    return undated


async def _prepare(partitions: Partitions, policies: CaughtUp, batch: Sequence[Received]) -> None:
    """Have partitions made, and the policies read that were published before this process began."""
    await policies()
    await partitions.ensure_for(as_id(received.message.subject) for received in batch)
