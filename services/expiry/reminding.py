"""Gives reminders: requests that nobody answers are said to lapse soon, each a few times and never twice."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.deadlines import LapseReminderDue
from contracts.ids import derived_id
from contracts.message import Message
from contracts.values import instant_text
from services.expiry import store
from services.expiry.current import Current
from services.expiry.emissions import SOURCE
from services.expiry.grace import deadline
from services.expiry.policies import Policies
from services.expiry.reminders import lead_due
from services.expiry.store import START, Entry, Mark
from services.expiry.tables import SCHEMA
from services.runtime import outbox

ACTOR = Actor.system("expiry")
BATCH = 500


@dataclass
class Reminding:
    """Walks the entries whose reminder is due, a batch in each transaction."""

    current: Current
    batch: int = BATCH
    mark: Mark = START

    async def run_once(self, connection: AsyncConnection, now: datetime) -> bool:
        """Queue a batch of reminders that are due at the business instant `now`; True when there may be more."""
        policies, at = await self.current.dating(connection, now)
        entries = await store.to_remind(connection, now, self.mark, self.batch)
        current = [entry.dated_anew(policies, at) for entry in entries]
        await outbox.append(connection, SCHEMA, [outbox.outgoing(m) for entry in current for m in reminder(entry, policies, at)])
        await store.save_dates(connection, [replace(entry, reminded_until=at).dated(policies, at) for entry in current])
        more = len(entries) == self.batch
        self.mark = Mark(entries[-1].next_reminder_at or START.at, entries[-1].booking) if more else START
        return more


def reminder(entry: Entry, policies: Policies, now: datetime) -> Iterator[Message[LapseReminderDue]]:
    """Yield the reminder of `entry`, if there is one to give; the same one always has the same id."""
    decided = deadline(entry.facts, policies.of(entry.facts, now))
    if lead := lead_due(entry.facts, decided, entry.reminded_until, now):
        identity = derived_id(str(entry.booking), instant_text(lead.expires_at), repr(float(lead.hours)))
        data = LapseReminderDue(expires_at=lead.expires_at, hours_before=lead.hours, expected_version=entry.version)
        yield Message(id=str(identity), source=SOURCE, subject=str(entry.booking), time=now, actor=ACTOR, data=data)
