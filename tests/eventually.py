"""Assertions about what becomes true soon."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_SECONDS = 0.05
Value = TypeVar("Value")


def eventually(predicate: Callable[[], Value], within: float = 10.0, every: float = POLL_SECONDS) -> Value:
    """Return the first truthy value of `predicate`, asked `every` few seconds. Raises AssertionError with its last value or exception."""
    deadline = time.monotonic() + within
    while True:
        last, failure = _attempt(predicate)
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s, at last: {failure or last!r}") from failure
        time.sleep(every)


async def aeventually(predicate: Callable[[], Awaitable[Value]], within: float = 10.0) -> Value:
    """Return the first truthy value that `predicate` gives when awaited. Raises AssertionError as `eventually` does."""
    deadline = time.monotonic() + within
    while True:
        last: Value | None = None
        failure: Exception | None = None
        try:
            last = await predicate()
        except Exception as error:  # noqa: BLE001 - the last one is shown
            failure = error
        if last:
            return last
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s, at last: {failure or last!r}") from failure
        await asyncio.sleep(POLL_SECONDS)


def _attempt(predicate: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    try:
        return predicate(), None
    except Exception as error:  # noqa: BLE001 - the last one is shown
        return None, error
