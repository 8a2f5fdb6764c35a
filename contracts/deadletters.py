"""Dead letters: why a record was buried, and the headers that say where it came from and what was wrong."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from contracts.ids import derived_id
from contracts.values import instant_text

DeadLetterReason = Literal[
    "too-large",
    "null-value",
    "missing-key",
    "schema",
    "key-mismatch",
    "unknown-type",
    "unknown-version",
    "actor-not-allowed",
    "bad-id",
    "bad-encoding",
    "too-deep",
    "bad-json",
    "equivocation",
    "orphan",
    "poison",
]
REASONS: tuple[str, ...] = get_args(DeadLetterReason)

VALUE_LIMIT = 64 * 1024
HEADERS_LIMIT = 16 * 1024
KEPT_OF_A_LARGE_VALUE = 1024
PREFIXES = ("x-dlq-", "x-src-", "x-consumer-group")

Headers = Sequence[tuple[str, bytes | None]]


class Unreadable(Exception):
    """A record that cannot be understood: the `reason` for its dead letter, and the `error` in words."""

    def __init__(self, reason: DeadLetterReason, error: str) -> None:
        super().__init__(f"{reason}: {error}")
        self.reason: DeadLetterReason = reason
        self.error = error


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record lay, and which group read it; `timestamp` is Kafka's, in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    group: str

    @property
    def letter_id(self) -> UUID:
        """The id of the one dead letter this record can have in this group."""
        return derived_id("dead-letter", self.group, self.topic, str(self.partition), str(self.offset))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was buried: the original key, value and headers, its origin and what was wrong with it."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    original: Headers
    reason: DeadLetterReason
    error: str
    attempts: int
    at: datetime

    def body(self) -> bytes | None:
        """The original value, cut to its first 1 KiB when it is over the limit."""
        return self.value[:KEPT_OF_A_LARGE_VALUE] if self._cut and self.value else self.value

    def headers(self) -> list[tuple[str, bytes | None]]:
        """All headers of the original, except those of an earlier burial, then those of this one."""
        kept = [(name, value) for name, value in self.original if not name.startswith(PREFIXES)]
        return kept + [(name, text.encode("utf-8", "replace")) for name, text in self._added().items()]

    @property
    def _cut(self) -> bool:
        return self.value is not None and len(self.value) > VALUE_LIMIT

    def _added(self) -> dict[str, str]:
        added = {
            "x-dlq-reason": self.reason,
            "x-dlq-error": self.error,
            "x-dlq-attempts": str(self.attempts),
            "x-dlq-id": str(self.origin.letter_id),
            "x-dlq-at": instant_text(self.at),
            "x-src-topic": self.origin.topic,
            "x-src-partition": str(self.origin.partition),
            "x-src-offset": str(self.origin.offset),
            "x-src-timestamp": str(self.origin.timestamp),
            "x-consumer-group": self.origin.group,
        }
        if self._cut and self.value is not None:
            added |= {"x-dlq-sha256": hashlib.sha256(self.value).hexdigest(), "x-dlq-size": str(len(self.value))}
        return added
