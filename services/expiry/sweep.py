"""The scan: it walks the deadline index in order and asks for the cancellation of what has lapsed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.commands import ExpireBooking
from contracts.ids import derived_id, new_id
from contracts.message import Message, canonical_json
from services.expiry import emissions, store
from services.expiry.current import Current
from services.expiry.emissions import SOURCE
from services.expiry.grace import deadline, eligible, evidence
from services.expiry.policies import Policies
from services.expiry.store import START, Entry, Mark
from services.runtime.clock import host_now
from services.runtime.metrics import EXPIRY_COMMANDS
from services.runtime.outbox import outgoing
from services.runtime.worker import Publish

ACTOR = Actor.system("expiry")
BATCH = 500
VALID_FOR = timedelta(seconds=60)
LONGEST_SCAN = timedelta(seconds=1)
FULL_WINDOW_SECONDS = 0.05
NARROWEST_WINDOW = BATCH
Admits = Callable[[AsyncConnection, UUID, datetime], Awaitable[bool]]
Find = Callable[[AsyncConnection, datetime, Mark, int], Awaitable[list[Entry]]]


async def admit(_connection: AsyncConnection, _scan: UUID, _now: datetime) -> bool:
    """Let every scan go on."""
    return True


def expire_command(entry: Entry, policies: Policies, now: datetime, scan_id: UUID) -> Message[ExpireBooking] | None:
    """Return the command that cancels `entry`, or None while its deadline under `policies` is not reached."""
    due = deadline(entry.facts, policies.of(entry.facts, now))
    if not eligible(entry.facts, due, now):
        return None
    changes_at = policies.next_change(entry.facts, now)
    proof = evidence(due, scan_id, entry.version)
    data = ExpireBooking(
        expected_version=entry.version,
        expires_at=proof.expires_at,
        valid_until=min(now + VALID_FOR, changes_at) if changes_at else now + VALID_FOR,
        scan_id=scan_id,
        evidence=proof,
    )
    identity = derived_id(str(entry.booking), canonical_json(data).decode())
    return Message(id=str(identity), source=SOURCE, subject=str(entry.booking), time=now, actor=ACTOR, data=data)


@dataclass
class Sweep:
    """Scans in steps of a batch. A scan starts at the head of the index with what is due then, and goes on from where the last batch ended.

    No more commands than `window` wait for their answer: running ahead of the booking service, their queue would outlive them. It
    doubles while every command is answered, up to `in_flight`, and is halved when one is not, down to a batch. `admits` says of each scan
    whether it may ask for anything; `find` returns what is due after a mark; a `run` gives its id to every scan for it.
    """

    current: Current
    publish: Publish
    in_flight: int = 2000
    batch: int = BATCH
    host: Callable[[], datetime] = host_now
    admits: Admits = admit
    find: Find = store.due
    run: UUID | None = None
    window: int = NARROWEST_WINDOW
    mark: Mark = START
    scan_id: UUID = field(default_factory=new_id)
    began: datetime | None = None
    as_of: datetime = START.at

    async def run_once(self, connection: AsyncConnection, now: datetime) -> bool:
        """Emit a batch of what is due at the business instant `now`; True when there may be more."""
        if await self._settle(connection):
            self.as_of = now
            if not await self.admits(connection, self.scan_id, now):
                self.began = None
                return False
        room = min(self.window, self.in_flight) - await emissions.count_unanswered(connection)
        limit = max(0, min(self.batch, room))
        entries = await self.find(connection, self.as_of, self.mark, limit)
        await self._emit(connection, await self._commands(connection, entries, now))
        if len(entries) < limit:
            self.began = None
            return False
        self.mark = Mark.of(entries[-1]) if entries else self.mark
        if limit < self.batch:
            await asyncio.sleep(FULL_WINDOW_SECONDS)
        return True

    async def _settle(self, connection: AsyncConnection) -> bool:
        """Count what was answered; where the last scan is over, start another and let it emit again what had no good answer.

        Return whether a scan starts.
        """
        host = self.host()
        new_scan = self.began is None or host - self.began >= LONGEST_SCAN
        if new_scan:
            self.mark, self.scan_id, self.began = START, self.run or new_id(), host
        settled = await emissions.settle(connection, host, new_scan=new_scan)
        for command in settled:
            EXPIRY_COMMANDS.labels(command.outcome).inc()
        if any(command.outcome == "orphaned" for command in settled):
            self.window = max(NARROWEST_WINDOW, self.window // 2)
        else:
            self.window = min(self.in_flight, self.window + len(settled))
        return new_scan

    async def _commands(self, connection: AsyncConnection, entries: Sequence[Entry], now: datetime) -> list[Message[ExpireBooking]]:
        """Judge by the policies as they stand: what the index has may come from others."""
        policies = await self.current.read(connection)
        return [c for entry in entries if (c := expire_command(entry, policies, now, self.scan_id))]

    async def _emit(self, connection: AsyncConnection, commands: Sequence[Message[ExpireBooking]]) -> None:
        """Publish the commands that no other process has claimed; a claim whose publishing failed counts as unanswered."""
        if not commands:
            return
        claimed = await emissions.claim(connection, commands, self.host())
        mine = [c for c in commands if c.booking in claimed]
        await self.publish([outgoing(c) for c in mine])
        EXPIRY_COMMANDS.labels("emitted").inc(len(mine))
