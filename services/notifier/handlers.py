"""Batches of events and of directory messages: what letters need is projected, and the ledger says who is to be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.directory import PersonErased, PersonUpserted, ServiceUpserted
from contracts.events import Event
from contracts.message import Message
from contracts.values import instant_text
from services.notifier import store
from services.notifier.bookings import Booking, fold
from services.notifier.letters import Key, channels_to, letters_about, silenced
from services.notifier.receipts import receipt
from services.notifier.store import Entry, Outcome
from services.runtime import outbox
from services.runtime.metrics import NOTIFICATIONS
from services.runtime.outcomes import Burial, Fate, Outcome as Settled, Received

ERASED_AT = "infinity"


@dataclass(frozen=True, slots=True)
class Occurred:
    """An event that the projection had not seen, and the booking after it."""

    message: Message[Event]
    booking: Booking
