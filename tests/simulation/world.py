"""The services as their composition roots make them, on one database and one log, moved by hand in one process."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.booking import app as booking, fold
from services.directory import app as directory
from services.expiry import app as expiry, sweep
from services.notifier import app as notifier, delivery
from services.payments import app as payments
from services.runtime import outbox, process as runtime, relay
from services.runtime.consumer import Consumer
from services.runtime.outcomes import Handler, Outcome, Received
from services.runtime.process import Process
from services.runtime.retry import Backoff
from tests.simulation.broker import Log, Member, Producer
from tests.simulation.cuts import breakable
from tests.simulation.traps import Traps

ROOTS: dict[str, tuple[Any, Any]] = {
    "booking": (booking.build, booking.BookingSettings),
    "directory": (directory.build, directory.DirectorySettings),
    "expiry": (expiry.build, expiry.ExpirySettings),
    "notifier": (notifier.build, notifier.NotifierSettings),
    "payments": (payments.build, payments.PaymentsSettings),
}
SETTINGS = {"DATABASE_URL": "postgresql://shared", "KAFKA_BOOTSTRAP_SERVERS": "none", "env": "test"}
BEGINNING = datetime(2024, 3, 5, 6, tzinfo=UTC)
IDS = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Engines:
    """Connections that outlive a history: pooled ones, and one for each lock."""

    pool: AsyncEngine
    direct: AsyncEngine


@dataclass
class Running:
    """A process of a service: its consumers with their place in the log, and its loops."""

    process: Process
    consumers: dict[str, Consumer]
    members: dict[str, Member]
    loops: dict[str, Callable[[datetime], Awaitable[bool]]]


@dataclass
class World:
    """Everything of one history."""

    engines: Engines
    chance: Random
    log: Log = field(default_factory=Log)
    traps: Traps = field(default_factory=Traps)
    instant: datetime = BEGINNING
    mails: list[str] = field(default_factory=list)
    running: dict[str, Running] = field(default_factory=dict)
    ids: int = 0

    def now(self) -> datetime:
        """Return business time, which only the history moves."""
        return self.instant

    def host(self) -> datetime:
        """Return the host's time that waiting for answers is measured by: it goes along with business time."""
        return self.instant

    def new_id(self) -> UUID:
        """Return an id that the seed decides: a UUIDv7 of a fixed day."""
        self.ids += 1
        return UUID(int=(IDS + self.ids) << 80 | 0x7 << 76 | 0b10 << 62 | self.chance.getrandbits(62))

    async def start(self, service: str, name: str | None = None, slot: int = 0) -> Running:
        """Start a process; the one that ran under its name before is gone."""
        await self.stop(name or service)
        build, settings = ROOTS[service]
        process: Process = build(settings(**SETTINGS, slot=slot, **({"auto_confirm_after": 30.0} if service == "booking" else {})))
        consumers = {consumer.worker.group: consumer for consumer in process._consumers}
        members = {group: Member(self.log, group, consumer.topics, self.traps) for group, consumer in consumers.items()}
        for group, consumer in consumers.items():
            consumer._subscriber = SimpleNamespace(consumer=members[group])  # type: ignore[assignment]
            consumer.worker.handle = self._trapped(group, consumer.worker.handle)
        running = Running(process, consumers, members, {loop.name: loop.run_once for loop in process._loops})
        self.running[name or service] = running
        return running

    async def stop(self, name: str) -> None:
        """Stop a process as a kill does: only what the database and the log hold is left of it."""
        if gone := self.running.pop(name, None):
            for lock in gone.process._locks:
                await lock.release()

    async def succeed(self, service: str, heir: str) -> None:
        """Let the process that runs under the name `heir` go on alone in place of the one before."""
        await self.stop(service)
        self.running[service] = self.running.pop(heir)
        for member in self.running[service].members.values():
            member.go_back(list(member.position))

    def _trapped(self, group: str, handle: Handler) -> Handler:
        async def settle(connection: AsyncConnection, batch: Sequence[Received], now: datetime) -> Sequence[Outcome]:
            await self.traps.reach(f"{group} at first")
            outcomes = await handle(connection, batch, now)
            await self.traps.reach(f"{group} before commit")
            return outcomes

        return settle

    async def mail(self, message: EmailMessage) -> None:
        """Take a letter, as a mail server does."""
        if await self.traps.reach("mail before") is None:
            self.mails.append(str(message["Message-ID"]))
            await self.traps.reach("mail after")

    async def acknowledge(self, original: Callable[..., Awaitable[None]], connection: AsyncConnection, schema: str, rows: Any) -> None:
        """Forget what was published, unless the relay is cut off just before."""
        await self.traps.reach(f"{schema} acknowledge")
        await original(connection, schema, rows)


@contextmanager
def staged(world: World) -> Iterator[World]:
    """Have composition roots use the world's clock, log, letters and ids."""
    engines, traps = world.engines, world.traps
    with pytest.MonkeyPatch.context() as patch, breakable(engines.pool, traps), breakable(engines.direct, traps):
        patch.setattr(runtime, "open_producer", lambda _, label: Producer(world.log, label.split("-")[1], traps))
        patch.setattr(runtime, "open_engine", lambda *_, **__: engines.pool)
        patch.setattr(runtime, "open_direct_engine", lambda *_, **__: engines.direct)
        patch.setattr(runtime, "business_clock", lambda *_: world)
        patch.setattr(runtime, "LEADER_REST", 0.0)
        patch.setattr(Consumer, "register", lambda *_, **__: None)
        patch.setattr(relay, "acknowledge", partial(world.acknowledge, outbox.acknowledge))
        patch.setattr(notifier, "Folder", lambda _: world.mail)
        patch.setattr(delivery, "LEASE_SECONDS", 0.0)
        patch.setattr(Backoff, "delay", lambda *_: 0.0)
        patch.setattr(expiry, "Sweep", partial(sweep.Sweep, host=world.host))
        for module in (fold, sweep):
            patch.setattr(module, "new_id", world.new_id)
        yield world
