"""One injector for each kind of fault: it acts, makes sure that it was felt, heals, and counts."""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import asyncpg
import psutil

from tests.faults import strange
from tests.faults.plan import ALL, SERVICES, Fault
from tests.faults.stage import Armed, Stage
from tests.faults.upstream import Upstream

POLL = 0.2
Felt = Callable[[], bool]


async def until(felt: Felt) -> None:
    """Wait for something to be felt."""
    while not felt():  # noqa: ASYNC110 - what is waited for happens in other processes
        await asyncio.sleep(POLL)


def _stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


@dataclass
class Injector:
    """Carries out a plan on `stage`; `counters` has how often each fault was felt."""

    stage: Stage
    upstream: Upstream
    counters: Counter[str] = field(default_factory=Counter)
    _taken: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def inject(self, fault: Fault, began: float) -> None:
        """Carry out `fault` in its time, one after the other for each way and victim."""
        await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
        async with self._taken[f"{fault.name} {fault.victim}"]:
            await KINDS[fault.kind](self, fault)
            self.counters[fault.name] += 1

    async def kill(self, fault: Fault) -> None:
        """End a process as the kernel would when memory is short, and see another one take its place."""
        pid = await self._one_of(fault)
        while not self.stage.signal(pid, signal.SIGKILL):
            pid = await self._one_of(fault)
        await self._replaced(fault.victim, {pid})

    async def _one_of(self, fault: Fault) -> int:
        """Return one of the victim's processes, once it has any."""
        await until(lambda: bool(self.stage.pids(fault.victim)))
        return self.upstream.chance(fault).choice(self.stage.pids(fault.victim))

    async def kill_at(self, fault: Fault) -> None:
        """Have the victim die when it next reaches a point; load leads to each of them, but dead letters are rare."""
        trap = Armed(fault.victim, fault.how)
        self.stage.armed.append(trap)
        if fault.how == "before-dead-letter":
            await strange.send(self.upstream, "bad-json", self.upstream.chance(fault))
        await trap.sprung.wait()

    async def stop(self, fault: Fault) -> None:
        """Freeze a process that lives through it, and let it go on as if nothing had happened."""
        frozen = False
        while not frozen:
            pid = await self._one_of(fault)
            self.stage.signal(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                frozen = _stopped(pid)
                self.stage.signal(pid, signal.SIGCONT)

    async def roll(self, fault: Fault) -> None:
        """Restart the copies of a service in good order, one by one."""
        for slot in sorted({int(p["slot"] or 0) for p in self.stage.processes() if p["name"] == fault.victim}):
            pid = await self._in(fault.victim, slot)
            while not self.stage.signal(pid, signal.SIGTERM):
                pid = await self._in(fault.victim, slot)
            await self._replaced(fault.victim, {pid})

    async def _in(self, service: str, slot: int) -> int:
        """Return the process in a slot, once there is one."""
        await until(lambda: bool(self.stage.pids(service, slot)))
        return self.stage.pids(service, slot)[0]

    async def _replaced(self, service: str, old: set[int]) -> None:
        copies = sum(p["name"] == service for p in self.stage.processes())
        await until(lambda: len(pids := self.stage.pids(service)) >= copies and not old & set(pids))

    async def broker(self, fault: Fault) -> None:
        """Kill Apache Kafka, and start it again."""
        await self._server_down("kafka", signal.SIGKILL, fault.seconds)

    async def database(self, fault: Fault) -> None:
        """Stop PostgreSQL at once, or end the connections of somebody."""
        if fault.how == "immediate-stop":
            await self._server_down("postgres", signal.SIGQUIT, fault.seconds)
        else:
            await self._end_backends(fault.victim)

    async def _server_down(self, place: str, signum: signal.Signals, seconds: float) -> None:
        server = self.stage.servers[place]
        async with self._taken[f"{place} down"]:
            await until(lambda: self.stage.signal(server.pid, signum))
            await until(lambda: not server.alive())
            await asyncio.sleep(seconds)
            server.restart()
            await asyncio.to_thread(server.wait)

    async def _end_backends(self, victim: str) -> None:
        """End the connections of `victim`; a database that is down meanwhile is waited for."""
        pattern, ended = "sewa-%" if victim == ALL else f"sewa-{victim}-%", 0
        while not ended:
            try:
                connection = await asyncpg.connect(self.stage.database, timeout=10)
                try:
                    ended = await connection.fetchval(
                        "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity where application_name like $1",
                        pattern,
                    )
                finally:
                    await connection.close()
            except (OSError, asyncpg.PostgresError, TimeoutError):
                ended = 0
            await asyncio.sleep(POLL)

    async def link(self, fault: Fault) -> None:
        """Cut, hold up or slow what goes between a server and somebody; felt once it has struck a connection."""
        mode, _, place = fault.how.partition(" ")
        proxy = self.stage.proxies[place]
        async with self._taken[f"link {place}"]:
            before = proxy.held[mode]
            proxy.put(fault.victim, mode)
            try:
                await asyncio.sleep(fault.seconds)
                await until(lambda: proxy.held[mode] > before)
            finally:
                proxy.put(fault.victim, "")

    async def records(self, fault: Fault) -> None:
        """Send records that nobody should send."""
        await strange.send(self.upstream, fault.how, self.upstream.chance(fault))

    def heal(self) -> None:
        """Take back what may still be in force."""
        self.stage.armed.clear()
        for proxy in self.stage.proxies.values():
            for victim in (ALL, *SERVICES):
                proxy.put(victim, "")


KINDS: Mapping[str, Callable[[Injector, Fault], Awaitable[None]]] = {
    "kill": Injector.kill,
    "kill-at": Injector.kill_at,
    "stop": Injector.stop,
    "rolling-restart": Injector.roll,
    "broker-kill": Injector.broker,
    "database": Injector.database,
    "link": Injector.link,
    "records": Injector.records,
}
