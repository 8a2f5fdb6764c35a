"""One process under watch: when it is started, what its end means, and how long to wait before the next start."""

import os
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from services.cli.child import Child, Say
from services.runtime.errors import StartFailed
from services.runtime.retry import Backoff

WRONG_SETTING = os.EX_CONFIG
RESTARTS = Backoff(first=0.2, limit=10.0)


class Kept(Protocol):
    """A process that is kept running: a Child, or an embedded Server."""

    @property
    def name(self) -> str:
        """What people call it."""

    def restart(self) -> None:
        """Start it."""

    def status(self) -> int | None:
        """Return how it ended, None while it runs."""

    def ask(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """End it, if it runs, and clear up after it."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How often in a row a process has ended early; a life of `calm` seconds begins the count anew."""

    number: int = 0
    calm: float = 30.0

    def after(self, lived: float) -> Self:
        """Return the count after one more end, of a process that lived so many seconds."""
        return replace(self, number=1 if lived >= self.calm else self.number + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait before the next start."""
        return RESTARTS.delay(self.number, chance=1.0) if self.number else 0.0


@dataclass(slots=True)
class Watch:
    """What the supervisor knows of one of its processes: since when it runs, or when it is due to be started."""

    kept: Kept
    due: float | None
    since: float = 0.0
    ends: Ends = field(default_factory=Ends)

    def tend(self, now: float, say: Say) -> bool:
        """Notice an end, or start it when that is due; return whether anything changed. Raises StartFailed for a wrong setting."""
        if self.due is not None:
            if now < self.due:
                return False
            self._start(now, say)
            return True
        status = self.kept.status()
        if status is None:
            return False
        self.kept.kill()
        if isinstance(self.kept, Child) and status == WRONG_SETTING:
            raise StartFailed(f"{self.kept.name} cannot run with these settings: {self.kept.last_line}")
        self._put_off(now, say, f"ended with status {status}")
        return True

    def _start(self, now: float, say: Say) -> None:
        try:
            self.kept.restart()
        except OSError as error:
            self._put_off(now, say, f"cannot be started ({error.strerror})")
        else:
            self.since, self.due = now, None

    def _put_off(self, now: float, say: Say, why: str) -> None:
        self.ends = self.ends.after(now - self.since)
        self.due = now + self.ends.delay
        say(self.kept.name, f"{why}; starting it again in {self.ends.delay:.1f} s")
