"""The closed set of fates a message can meet, and what a handler is given and returns."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.message import Message
from contracts.values import Contract
from contracts.wire import DeadLetterReason, Headers, Tombstone


class Fate(StrEnum):
    """What became of a message; the same words label metrics and logs."""

    HANDLED = "handled"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    PARKED = "parked"
    BURIED = "buried"


@dataclass(frozen=True, slots=True)
class Burial:
    """The fate `buried`: why a message goes to dead letters."""

    reason: DeadLetterReason
    error: str
    attempts: int = 1


Outcome = Fate | Burial


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as it came: bytes, and where it stood."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Received:
    """A record that was understood."""

    record: Record
    message: Message[Contract] | Tombstone


Handler = Callable[[AsyncConnection, Sequence[Received], datetime], Awaitable[Sequence[Outcome]]]
"""Settles understood messages inside one transaction at one business instant: one outcome for each, in order."""


def fate_of(outcome: Outcome) -> Fate:
    """Return the fate's name for metrics and logs."""
    return Fate.BURIED if isinstance(outcome, Burial) else outcome
