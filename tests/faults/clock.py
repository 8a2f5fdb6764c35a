"""The business clock of a run: a file that the services read, and what it said when."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

Steps = Sequence[tuple[float, float]]


def business(steps: Steps, host: float) -> datetime:
    """Return the business instant at the host's `host` seconds; each of `steps` is (from when on, how many seconds ahead)."""
    ahead = [seconds for since, seconds in steps if since <= host] or [steps[0][1]]
    return datetime.fromtimestamp(host + ahead[-1], UTC)


@dataclass
class ClockFile:
    """Time that flows as the host's does, some seconds ahead of it or, below 0, behind."""

    path: Path
    steps: list[tuple[float, float]] = field(default_factory=list)

    def put(self, ahead: float) -> None:
        """Set the clock by replacing its file, whose own time says when it was set."""
        host = time.time()
        self.steps.append((host, ahead))
        fresh = self.path.with_suffix(".new")
        at = datetime.fromtimestamp(host, UTC) + timedelta(seconds=ahead)
        fresh.write_text(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z running\n", encoding="utf-8")
        os.utime(fresh, (host, host))
        fresh.rename(self.path)

    def leap(self, seconds: float) -> None:
        """Let this much time pass at once."""
        self.put(self.steps[-1][1] + seconds)

    def now(self) -> datetime:
        """Return the business instant."""
        return business(self.steps, time.time())
