"""The recorded answer to a command that the rules refuse. It is no error and never goes to dead letters."""

from typing import ClassVar, Literal

from contracts.actors import ActorText
from contracts.events import Status
from contracts.values import Contract, Digest, Reference, Text100, Text2000, Version

RejectionCode = Literal[
    "not-found",
    "forbidden",
    "version-conflict",
    "invalid-transition",
    "not-due",
    "stale-command",
    "too-early",
    "evidence-required",
    "already-exists",
    "already-reviewed",
    "payment-due",
    "not-confirmed",
    "disputed",
    "override-too-late",
    "money-inconsistent",
    "slot-taken",
]


class CommandRejected(Contract):
    """Which command was refused, why, and what `actor` could send now; null status and version: no such booking."""

    topic: ClassVar[str] = "booking.rejections.v1"

    command_id: Reference
    command_source: Reference
    command_type: Reference
    payload_hash: Digest
    code: RejectionCode
    detail: Text2000
    status: Status | None
    version: Version | None
    allowed: tuple[Text100, ...]
    actor: ActorText


REJECTIONS: tuple[type[CommandRejected], ...] = (CommandRejected,)
