"""The notifier, composed: two projections, a loop of rounds of e-mail, and the relay of its receipts."""

from collections.abc import Sequence
from functools import partial

from contracts.ids import as_id
from contracts.topics import BOOKING_EVENTS, DEADLINE_EVENTS, DIRECTORY_EVENTS
from services.notifier import handlers, store
from services.notifier.channels.folder import Folder
from services.notifier.channels.mail import Mail
from services.notifier.channels.smtp import Smtp
from services.notifier.delivery import Round
from services.notifier.directory import settle_directory
from services.notifier.rendering import Renderer
from services.notifier.settings import NotifierSettings
from services.notifier.tables import PARTITIONED, SCHEMA
from services.runtime.causality import CatchUp
from services.runtime.outcomes import Received
from services.runtime.partitions import Partitions
from services.runtime.process import Process

__all__ = ["NotifierSettings", "build"]

LOOK_EVERY = 0.2


def build(settings: NotifierSettings) -> Process:
    """Return the notifier, ready to run. Raises Misconfigured."""
    process = Process("notifier", settings, settings.port)
    partitions = Partitions(process.engine, SCHEMA, PARTITIONED)
    process.need_schema(SCHEMA)
    process.keep_partitions(partitions)
    settle_events = partial(handlers.settle_events, auto_cancel_letters=settings.auto_cancel_notification)
    directory = CatchUp(process.consume("notifier.directory", [DIRECTORY_EVENTS.name], settle_directory))
    prepare = partial(_prepare, partitions, directory)
    events = CatchUp(process.consume("notifier.events", [BOOKING_EVENTS.name], settle_events, prepare=prepare))
    process.consume("notifier.deadlines", [DEADLINE_EVENTS.name], handlers.settle_deadlines, prepare=lambda _batch: events())
    channel = mail(settings)
    process.repeat(f"deliver:{channel.name}", LOOK_EVERY, Round(process.engine, channel).run_once)
    process.relay(SCHEMA, store.waiting)
    return process


def mail(settings: NotifierSettings) -> Mail:
    """Return the e-mail that the settings ask for."""
    transport = Smtp(settings.smtp_url) if settings.smtp_url else Folder(settings.mail_dir)
    return Mail(Renderer(settings.public_url, settings.timezone), settings.mail_from, transport)


async def _prepare(partitions: Partitions, directory: CatchUp, batch: Sequence[Received]) -> None:
    """Have partitions made, and everybody known who was in the directory before: which channels reach them is decided with the event."""
    await partitions.ensure_for(as_id(received.message.subject) for received in batch)
    await directory()
