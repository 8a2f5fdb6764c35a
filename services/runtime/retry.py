"""How long to wait before the next try: a frozen value."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter above one half, in seconds."""

    first: float = 0.2
    factor: float = 2.0
    limit: float = 10.0

    def delay(self, attempt: int, chance: float | None = None) -> float:
        """Return the seconds before try `attempt` + 1 (`attempt` counts from 1; `chance` in 0..1 fixes the jitter)."""
        ceiling = min(self.limit, self.first * self.factor ** min(attempt - 1, 32))
        return ceiling * (0.5 + 0.5 * (random.random() if chance is None else chance))  # noqa: S311
