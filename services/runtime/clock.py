"""Business time. It decides deadlines and lifecycle instants; everything else uses the host's clock."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from services.runtime.errors import Misconfigured

LOOK_EVERY = 0.1
CONTENT = re.compile(r"\s*(\S+?Z)(?:\s+(running))?\s*\Z")
log = structlog.get_logger()


class Clock(Protocol):
    """Tells business time."""

    def now(self) -> datetime:
        """Return the business instant, aware, in UTC."""


def host_now() -> datetime:
    """Return the host's instant, which decides no business."""
    return datetime.now(UTC)


class HostClock:
    """Business time is the host's."""

    def now(self) -> datetime:
        """Return the host's instant."""
        return host_now()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock file said: an instant, and whether time flows from there, counted from the file's mtime."""

    instant: datetime
    running: bool
    mtime: float

    def at(self, host: float) -> datetime:
        """Return the business instant at the host's `host` seconds since the epoch."""
        return self.instant + timedelta(seconds=max(0.0, host - self.mtime)) if self.running else self.instant


def read_clock_file(path: Path) -> Reading:
    """Parse `path`: one RFC 3339 instant with Z, optionally followed by ` running`. Raises OSError, ValueError."""
    with path.open(encoding="utf-8") as file:
        mtime = os.fstat(file.fileno()).st_mtime  # of the file that is read, whatever has taken its place
        text = file.read(200)
    if not (match := CONTENT.match(text)):
        message = (
            f"the clock file {path} holds {text[:60]!r}: expected an instant like 2026-11-20T06:00:00Z, optionally followed by ' running'"
        )
        raise ValueError(message)
    return Reading(datetime.fromisoformat(match[1]).astimezone(UTC), match[2] is not None, mtime)


class FileClock:
    """Business time from a file that is replaced by rename; it never goes back within a process."""

    def __init__(self, path: Path, host: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        """Read `path` once. Raises Misconfigured when it cannot be read."""
        self._path, self._host, self._steady = path, host, steady
        try:
            self._reading = read_clock_file(path)
        except (OSError, ValueError) as error:
            message = f"SEWA_CLOCK_FILE cannot be read: {error}"
            raise Misconfigured(message) from error
        self._latest, self._looked, self._complaint = self._reading.at(host()), steady(), ""

    def now(self) -> datetime:
        """Return the business instant; the file is looked at every 100 ms at most."""
        if self._steady() - self._looked >= LOOK_EVERY:
            self._looked = self._steady()
            self._look()
        self._latest = max(self._latest, self._reading.at(self._host()))
        return self._latest

    def _look(self) -> None:
        try:
            reading = read_clock_file(self._path)
        except (OSError, ValueError) as error:
            self._complain(f"unreadable, the last good value stays: {error}")
            return
        if reading == self._reading:
            return
        if reading.at(self._host()) < self._latest:
            self._complain(f"goes back to {reading.instant.isoformat()}, ignored")
            return
        self._reading, self._complaint = reading, ""

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            log.warning("clock_file", path=str(self._path), problem=complaint)
            self._complaint = complaint


def business_clock(path: Path | None, env: str) -> Clock:
    """Return the clock that the settings ask for. Raises Misconfigured for a clock file in production."""
    if path is None:
        return HostClock()
    if env == "production":
        message = "SEWA_CLOCK_FILE is refused when SEWA_ENV=production: unset one of the two"
        raise Misconfigured(message)
    return FileClock(path)
