"""What a process says of itself: alive, making progress, and its metrics."""

import errno
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.runtime.errors import StartFailed

STALE_AFTER = 30.0
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass
class Health:
    """Ready while every part that was expected makes progress as often as it should."""

    steady: Callable[[], float] = time.monotonic
    beats: dict[str, float] = field(default_factory=dict)
    patience: dict[str, float] = field(default_factory=dict)

    def expect(self, part: str, every: float = 0.0) -> None:
        """Count `part` as not ready until its first beat, and again 30 s after it should have had the next one."""
        self.beats.setdefault(part, float("-inf"))
        self.patience[part] = every + STALE_AFTER

    def beat(self, part: str) -> None:
        """Note that `part` has made progress."""
        self.beats[part] = self.steady()

    def stale(self) -> list[str]:
        """Return the parts that have made no progress lately."""
        return sorted(part for part, at in self.beats.items() if self.steady() - at > self.patience[part])


class Endpoint:
    """Serves `/health/live`, `/health/ready` and `/metrics` on the process's own port."""

    def __init__(self, health: Health, host: str, port: int, setting: str) -> None:
        """Prepare to listen on `host`:`port`; `setting` names the variable to change when the port is taken."""
        self._health, self._address, self._setting = health, (host, port), setting
        config = uvicorn.Config(self._answer, host=host, port=port, log_config=None, access_log=False, lifespan="off", interface="asgi3")
        self._server = uvicorn.Server(config)

    async def serve(self) -> None:
        """Listen until `stop`. Raises StartFailed when the port is taken or the address is none of this machine."""
        try:
            await self._server._serve()  # noqa: SLF001 - `serve` would take over the process's signals
        except SystemExit as error:
            raise StartFailed(self._not_listening(error.__context__)) from error

    def _not_listening(self, why: BaseException | None) -> str:
        host, port = self._address
        if isinstance(why, OSError) and why.errno != errno.EADDRINUSE:
            return f"nobody can listen on {host}:{port} ({why.strerror}): set SEWA_HOST to an address of this machine"
        return f"port {port} on {host} is taken by another program: set {self._setting} to a free one"

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        status, kind, body = self._page(scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": body})

    def _page(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest()
        if path == "/health/live":
            return 200, "application/json", b'{"status":"live"}'
        if path == "/health/ready":
            stale = self._health.stale()
            body = {"status": "waiting", "waiting_for": stale} if stale else {"status": "ready"}
            return (503 if stale else 200), "application/json", json.dumps(body).encode()
        return 404, "application/json", b'{"status":"not found"}'
