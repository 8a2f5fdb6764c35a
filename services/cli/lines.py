"""A file, or what somebody still types, as chunks of whole lines, read beside the event loop."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import suppress

CHUNK = 1024 * 1024
AHEAD = 2


async def lines(descriptor: int) -> AsyncIterator[list[bytes]]:
    """Yield the lines of an open file as they come, without their ends. Raises OSError."""
    rest = b""
    async for chunk in _chunks(descriptor):
        *whole, rest = (rest + chunk).split(b"\n")
        yield whole
    if rest:
        yield [rest]


async def _chunks(descriptor: int) -> AsyncIterator[bytes]:
    """Yield what a thread reads; the thread ends with the program, also while it waits for a terminal."""
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue(AHEAD)
    threading.Thread(target=_read, args=(descriptor, queue, asyncio.get_running_loop()), daemon=True).start()
    while chunk := await queue.get():
        if isinstance(chunk, OSError):
            raise chunk
        yield chunk


def _read(descriptor: int, queue: asyncio.Queue[bytes | OSError], loop: asyncio.AbstractEventLoop) -> None:
    chunk: bytes | OSError = b"more"
    with suppress(CancelledError, RuntimeError):  # nobody listens any more
        while isinstance(chunk, bytes) and chunk:
            try:
                chunk = os.read(descriptor, CHUNK)
            except OSError as error:
                chunk = error
            asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()
