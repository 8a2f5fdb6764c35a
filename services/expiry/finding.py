"""Finds what has lapsed at an instant, by the rule itself: the index only says where to look."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.expiry import runs_store, store
from services.expiry.grace import deadline, eligible
from services.expiry.policies import Policies
from services.expiry.runs import Found, Selection
from services.expiry.store import START, Entry, Mark

BATCH = 1000
NOBODY = UUID(int=0)


def lapsed(entry: Entry, policies: Policies, selection: Selection) -> Found | None:
    """Return the entry with its deadline if `selection` is about it. For maintenance a created one counts as if it were pending."""
    facts = entry.facts
    if selection.category not in {None, facts.category}:
        return None
    if selection.mode == "maintenance" and facts.status == "created":
        facts = replace(facts, status="pending")
    decided = deadline(facts, policies.of(facts, selection.as_of))
    if decided.expires_at is None or not eligible(facts, decided, selection.as_of):
        return None
    return Found(entry, decided, decided.expires_at)


async def find(connection: AsyncConnection, policies: Policies, selection: Selection, *, ahead: bool = False) -> list[Found]:
    """Return everything that `selection` is about, in the order of its deadlines.

    Looking `ahead` it asks every open booking, since the index is dated by the policies of today.
    """
    sources = [_open(connection) if ahead else _due(connection, selection.as_of)]
    if selection.mode == "maintenance":
        sources.append(_created(connection, selection.as_of))
    found = [f for source in sources async for entry in source if (f := lapsed(entry, policies, selection))]
    return sorted(found, key=lambda f: (f.expires_at, f.entry.booking))


async def _due(connection: AsyncConnection, as_of: datetime) -> AsyncIterator[Entry]:
    mark, more = START, True
    while more:
        entries = await store.due(connection, as_of, mark, BATCH, waiting=True)
        for entry in entries:
            yield entry
        more = len(entries) == BATCH
        mark = Mark.of(entries[-1]) if more else mark


async def _open(connection: AsyncConnection) -> AsyncIterator[Entry]:
    after, more = NOBODY, True
    while more:
        entries = await store.open_ones(connection, after, BATCH)
        for entry in entries:
            yield entry
        more = len(entries) == BATCH
        after = entries[-1].booking if more else after


async def _created(connection: AsyncConnection, as_of: datetime) -> AsyncIterator[Entry]:
    after, more = NOBODY, True
    while more:
        bookings = await runs_store.created(connection, as_of, after, BATCH)
        for entry in (await store.read(connection, bookings)).values() if bookings else ():
            yield entry
        more = len(bookings) == BATCH
        after = bookings[-1] if more else after
