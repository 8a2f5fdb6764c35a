"""What stands between the services and a server: it passes bytes on, or cuts, holds up or slows what one service says and hears."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.wire import Ear

LOOPBACK = "127.0.0.1"
CHUNK = 65_536
SLOW_SECONDS = 0.15
STOP_EVERY = 0.05
ALL = "all"
Points = Callable[[tuple[str, int], int, set[str]], Awaitable[bool]]


@dataclass(eq=False)
class Connection:
    """A client's connection, and the one that was opened for it."""

    ear: Ear
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    @property
    def port(self) -> int:
        """From which port the client speaks."""
        return int(self.client.get_extra_info("peername")[1])

    def abort(self) -> None:
        """Reset both."""
        for side in (self.client, self.server):
            side.transport.abort()


@dataclass
class Proxy:
    """Listens for one server at the port `target`.

    `reached` is told who speaks, from which port, and of points, and answers whether the speaker is dead. `held` counts by mode how
    often a service was struck.
    """

    ear: Callable[[], Ear]
    reached: Points
    target: int = 0
    port: int = 0
    modes: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _connections: set[Connection] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Reset what is open and listen no more."""
        if self._server:
            self._server.close()
        while self._connections:
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(STOP_EVERY)

    def put(self, victim: str, mode: str) -> None:
        """Change how `victim`, a service or all of them, is connected: cut, black-holed, slowed; "" heals it."""
        self.modes = {**self.modes, victim: mode}
        self._changed.set()
        self._changed = asyncio.Event()
        for connection in list(self._connections):
            if self._mode(connection) == "cut":
                self._strike(connection)

    def _strike(self, connection: Connection) -> None:
        self._count(connection)
        connection.abort()

    def _count(self, connection: Connection) -> None:
        """Whoever speaks without a name is no service, and proves nothing."""
        if connection.ear.speaker:
            self.held[self._mode(connection)] += 1

    def _mode(self, connection: Connection) -> str:
        speaker = connection.ear.speaker
        return self.modes.get(ALL) or (self.modes.get(speaker[0], "") if speaker else "")

    async def _serve(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            server_reader, server = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            client.transport.abort()
            return
        connection = Connection(self.ear(), client, server)
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(self._pump(connection, client_reader, server, connection.ear.hears)),
            asyncio.create_task(self._pump(connection, server_reader, client, connection.ear.hears_answer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for pump in pumps:
                pump.cancel()
            connection.abort()

    async def _pump(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hears: Callable[[bytes], set[str]]
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                points, speaker = hears(chunk), connection.ear.speaker
                if points and speaker and await self.reached(speaker, connection.port, points):
                    return
                if not await self._passes(connection):
                    return
                writer.write(chunk)
                await writer.drain()

    async def _passes(self, connection: Connection) -> bool:
        """Wait as long as the connection's mode asks for; whether the bytes may pass then."""
        while (mode := self._mode(connection)) == "black-holed":
            self._count(connection)
            await self._changed.wait()
        if mode:
            self._count(connection)
        if mode == "slowed":
            await asyncio.sleep(SLOW_SECONDS)
        return mode != "cut"
