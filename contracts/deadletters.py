"""Dead letters: the closed list of reasons for which a record is buried, and the sizes that bury it."""

from collections.abc import Sequence
from typing import Literal, get_args

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

Headers = Sequence[tuple[str, bytes | None]]


class Unreadable(Exception):  # noqa: N818 - it is a finding about a record, not a failure of ours
    """A record that cannot be understood: the `reason` for its dead letter, and the `error` in words."""

    def __init__(self, reason: DeadLetterReason, error: str) -> None:
        super().__init__(f"{reason}: {error}")
        self.reason: DeadLetterReason = reason
        self.error = error
