"""Ways to decide, tell, count or remember wrongly, each at the place where a hurried change would."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import ExpireBooking
from contracts.events import PaymentRecorded
from contracts.message import Message
from services.booking import lifecycle, money, parking, rows, store as booking_store
from services.booking.decisions import Facts, Refusal
from services.booking.model import Slot
from services.expiry import emissions
from services.expiry.sweep import Sweep
from services.notifier import handlers as notifier, store as ledger
from services.notifier.ledger import Key, Outcome as Told
from services.payments import handlers as payments, reactions
from services.runtime.causality import CatchUp
from services.runtime.clock import host_now
from tests.simulation.world import Engines

Patch = pytest.MonkeyPatch
run_scan, other_version, enter, project = Sweep.run_once, lifecycle._other_version, ledger.enter, notifier._project
collect, react, save_slots = reactions._collect, reactions.react, booking_store._save_slots


def no_version_check_on_expire(patch: Patch, _: Engines) -> None:
    """Let an expiry that was asked for an earlier version pass."""
    patch.setattr(lifecycle, "_other_version", lambda b, data: None if isinstance(data, ExpireBooking) else other_version(b, data))


def ledger_key_without_channel(patch: Patch, _: Engines) -> None:
    """Take a letter that went out on one channel for told on all."""

    async def enter_once(connection: AsyncConnection, outcomes: Iterable[Told], now: datetime) -> Any:
        keyed = {replace(o.entry.key, channel=""): o for o in outcomes}
        return await enter(connection, keyed.values(), now)

    patch.setattr(ledger, "enter", enter_once)


def group_reset_that_sends_again(patch: Patch, _: Engines) -> None:
    """Send whatever is read, whether or not it was sent before."""

    async def forget(connection: AsyncConnection, heard: Iterable[tuple[Any, str]]) -> list[Key]:
        about = {"events": [event for _, event in heard]}
        await connection.execute(
            text("delete from notifier.deliveries where event = any(cast(:events as text[])) and state <> 'pending'"), about
        )
        return []

    patch.setattr(ledger, "ledgered", forget)
    patch.setattr(notifier, "_project", lambda bookings, event: project({}, event) and _projected(bookings, event))


def _projected(bookings: dict[Any, Any], event: Message[Any]) -> Any:
    known = bookings.get(event.booking)
    if known and (event.aggregate_version or 0) <= known.version:
        bookings[known.id] = replace(known, version=(event.aggregate_version or 1) - 1)
    return project(bookings, event)


def host_clock_in_expiry(patch: Patch, _: Engines) -> None:
    """Scan by the clock of the host."""
    patch.setattr(Sweep, "run_once", lambda self, connection, _now: run_scan(self, connection, host_now()))


def orphans_at_once(patch: Patch, _: Engines) -> None:
    """Drop what comes before its booking instead of parking it."""

    async def drop(*_: Any) -> None:
        return None

    patch.setattr(parking, "park", drop)


def policies_read_at_leisure(patch: Patch, _: Engines) -> None:
    """Scan without a look at whether every policy that was published is read."""
    patch.setattr(CatchUp, "before", lambda _self, step: step)


def no_overlap_check(patch: Patch, _: Engines) -> None:
    """Accept whatever is asked for, and leave it to nobody to notice."""

    async def keep_no_slots(*_: Any) -> None:
        return None

    patch.setattr(Facts, "refuse_overlap", lambda *_: None)
    patch.setattr(booking_store, "_save_slots", keep_no_slots)


def overlap_left_to_the_constraint(patch: Patch, _: Engines) -> None:
    """Accept whatever is asked for, and have the database refuse it again and again."""
    patch.setattr(Facts, "refuse_overlap", lambda *_: None)


def refused_without_need(patch: Patch, _: Engines) -> None:
    """Take every time of every provider for taken."""
    patch.setattr(Facts, "refuse_overlap", lambda *_: Refusal("slot-taken", "the provider has another booking at that time"))


def slots_never_freed(patch: Patch, _: Engines) -> None:
    """Have a booking that ends keep its time."""

    async def keep(connection: AsyncConnection, before: Sequence[Slot | None], after: Sequence[Slot | None]) -> None:
        going_on = {slot.booking for slot in after if slot}
        await save_slots(connection, before, [*after, *(slot for slot in before if slot and slot.booking not in going_on)])

    patch.setattr(booking_store, "_save_slots", keep)


def shown_to_nobody(patch: Patch, _: Engines) -> None:
    """Enter letters in the ledger, and leave them out of the app."""

    async def enter_only(connection: AsyncConnection, outcomes: Iterable[Told], now: datetime) -> Any:
        entered = await enter(connection, outcomes, now)
        await connection.execute(text("delete from notifier.letters"))
        return entered

    patch.setattr(ledger, "enter", enter_only)


def refusals_forgotten(patch: Patch, _: Engines) -> None:
    """Ask for an expiry once, whatever becomes of that."""
    patch.setattr(emissions, "AT_NEXT_SCAN", ())
    patch.setattr(emissions, "PATIENCE", 10000 * emissions.PATIENCE)


def captured_twice(patch: Patch, _: Engines) -> None:
    """Charge under a reference of the attempt instead of one of the booking."""

    def collect_again(*about: Any) -> reactions.Reaction:
        reaction = collect(*about)
        again = (fact.model_copy(update={"gateway_reference": "another"}) for fact in reaction.facts)
        return replace(reaction, facts=(*reaction.facts, *again))

    patch.setattr(reactions, "_collect", collect_again)


def copies_counted(patch: Patch, _: Engines) -> None:
    """Count whatever is said of money, even if it was said before under another id."""
    patch.setattr(money, "_is_copy", lambda *_: False)


def late_money_kept(patch: Patch, _: Engines) -> None:
    """Keep what comes in once the booking is cancelled."""

    def keep(account: Any, event: Message[Any], *about: Any) -> reactions.Reaction:
        return reactions.Reaction(account) if isinstance(event.data, PaymentRecorded) else react(account, event, *about)

    patch.setattr(payments, "react", keep)


def column_forgotten(patch: Patch, _: Engines) -> None:
    """Leave a column out where a booking is written again."""
    patch.setattr(booking_store, "changing", lambda moves: [name for name in rows.changing(moves) if name != "reschedules"])
