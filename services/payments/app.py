"""The payments service, composed: the policies, the accounts that follow booking events, and the relay of what is said of money."""

from collections.abc import Sequence
from uuid import UUID

from contracts.topics import BOOKING_EVENTS, POLICY_EVENTS
from services.payments import handlers, store
from services.payments.errors import PoliciesUnread
from services.payments.settings import PaymentsSettings
from services.payments.tables import PARTITIONED, SCHEMA
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process
from services.runtime.progress import Reading
from services.runtime.worker import Prepare

__all__ = ["PaymentsSettings", "build"]


def build(settings: PaymentsSettings) -> Process:
    """Return the payments service, ready to run. Raises Misconfigured."""
    process = Process("payments", settings, settings.port)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    policies = Reading(process.consume("payments.policies", [POLICY_EVENTS.name], handlers.settle_policies))
    process.consume("payments.events", [BOOKING_EVENTS.name], handlers.settle_events, prepare=preparing(partitions, policies))
    process.relay(SCHEMA, store.waiting)
    return process


def preparing(partitions: Partitions, policies: Reading) -> Prepare:
    """Return what has to be done before a batch of events: its partitions made and, for a fee, every published policy read."""

    async def prepare(batch: Sequence[Received]) -> None:
        await partitions.ensure_for(UUID(received.message.subject) for received in batch)
        if handlers.need_policies(batch) and not await policies.is_complete():
            raise PoliciesUnread("a fee waits for the policies that are published and yet to be read")

    return prepare
