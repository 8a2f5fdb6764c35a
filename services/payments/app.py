"""The payments service, composed: the policies, the accounts that follow booking events, and the relay of what is said of money."""

from collections.abc import Sequence
from functools import partial

from contracts.ids import as_id
from contracts.topics import BOOKING_EVENTS, POLICY_EVENTS
from services.payments import handlers, store
from services.payments.settings import PaymentsSettings
from services.payments.tables import PARTITIONED, SCHEMA
from services.runtime.causality import CatchUp
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["PaymentsSettings", "build"]


def build(settings: PaymentsSettings) -> Process:
    """Return the payments service, ready to run. Raises Misconfigured."""
    process = Process("payments", settings, settings.port)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    policies = CatchUp(process.consume("payments.policies", [POLICY_EVENTS.name], handlers.settle_policies))
    process.consume("payments.events", [BOOKING_EVENTS.name], handlers.settle_events, prepare=partial(_prepare, partitions, policies))
    process.relay(SCHEMA, store.waiting)
    return process


async def _prepare(partitions: Partitions, policies: CatchUp, batch: Sequence[Received]) -> None:
    """Have partitions made and, where a fee is to be decided, every policy read that was published before."""
    await partitions.ensure_for(as_id(received.message.subject) for received in batch)
    if handlers.need_policies(batch):
        await policies()
