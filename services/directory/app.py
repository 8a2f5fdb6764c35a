"""The directory, composed: what people offer, what becomes of bookings, the answers to both, and the relay of its commands."""

from collections.abc import Sequence
from functools import partial

from contracts.directory import ProviderLeaveSet
from contracts.ids import as_id
from contracts.message import Message
from contracts.topics import BOOKING_EVENTS, DIRECTORY_EVENTS
from services.directory import handlers, store
from services.directory.settings import DirectorySettings
from services.directory.tables import PARTITIONED, SCHEMA
from services.runtime.causality import CatchUp
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["DirectorySettings", "build"]


def build(settings: DirectorySettings) -> Process:
    """Return the directory, ready to run. Raises Misconfigured.

    Leave is read by two groups: one projects it, the other answers for the bookings it hits and waits for the events of bookings
    before it, which wait for the first.
    """
    process = Process("directory", settings, settings.port)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    directory = CatchUp(process.consume("directory.directory", [DIRECTORY_EVENTS.name], handlers.project))
    prepare = partial(_prepare_events, partitions, directory)
    events = CatchUp(process.consume(handlers.EVENTS_GROUP, [BOOKING_EVENTS.name], handlers.follow_bookings, prepare))
    process.consume("directory.leave", [DIRECTORY_EVENTS.name], handlers.answer_leave, prepare=partial(_prepare_leave, events))
    process.relay(SCHEMA, store.waiting)
    return process


async def _prepare_events(partitions: Partitions, directory: CatchUp, batch: Sequence[Received]) -> None:
    """Have partitions made, and everything known that the directory said before."""
    await partitions.ensure_for(as_id(received.message.subject) for received in batch)
    await directory()


async def _prepare_leave(events: CatchUp, batch: Sequence[Received]) -> None:
    """Have everything known that happened to bookings before a leave."""
    if any(isinstance(r.message, Message) and isinstance(r.message.data, ProviderLeaveSet) for r in batch):
        await events()
