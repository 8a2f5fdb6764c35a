"""Ids: UUIDv7 of the host's clock for what is new, UUIDv5 for what must come out the same a second time."""

import json
import re
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

NAMESPACE = UUID("5e3a6f0c-8d0b-5b1e-9a57-2f6d1c7b4e90")
EARLIEST_BOOKING = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_TOLERANCE = timedelta(days=1)

_json = json.JSONEncoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST = (EARLIEST_BOOKING - _EPOCH) // _MILLISECOND
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class _Ticks:
    """The host's clock in 1/4096 ms, strictly rising within a process (RFC 9562, section 6.2, method 3)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        now = (time.time_ns() << 12) // 1_000_000
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last


_ticks = _Ticks()


def new_id() -> UUID:
    """A UUIDv7 of the host's clock; those of one process sort in the order they were made."""
    tick = _ticks.next()
    return UUID(int=(tick >> 12) << 80 | 0x7 << 76 | (tick & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62))


def booking_instant(booking_id: UUID) -> datetime:
    """The time part of a UUIDv7, to the millisecond."""
    return _EPOCH + (booking_id.int >> 80) * _MILLISECOND


def parse_booking_id(text: str, host_now: datetime) -> UUID:
    """The booking id in `text`; ValueError unless a canonical UUIDv7 from 2000-01-01 to a day after `host_now`."""
    if not _UUID7.fullmatch(text):
        raise ValueError("not a canonical lower-case UUIDv7")
    booking_id = as_id(text)
    if not _EARLIEST <= booking_id.int >> 80 <= (host_now + CLOCK_TOLERANCE - _EPOCH) // _MILLISECOND:
        raise ValueError("its time part is not between 2000-01-01 and the host's clock + 1 day")
    return booking_id


@lru_cache(maxsize=16384)  # a batch names each of its bookings many times
def as_id(text: str) -> UUID:
    """The id that is written as `text`."""
    return UUID(text)


def derived_id(*parts: str) -> UUID:
    """The UUIDv5 of the parts, in the project's own namespace: the same parts always give the same id."""
    return uuid5(NAMESPACE, _json(parts))
