"""Batches of booking events and of policies: accounts follow the events, and what follows from them is said through the outbox."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.events import BookingCancelled, BookingCreated, Event
from contracts.message import Message
from contracts.payments import RefundRequested
from contracts.policies import GracePolicySet, Policy as AnyPolicy
from services.payments import store
from services.payments.account import Account, after, opened
from services.payments.policy import Policy, depends_on_policy
from services.payments.reactions import Fact, Reaction, react
from services.payments.tables import SCHEMA
from services.runtime import outbox
from services.runtime.outcomes import Burial, Fate, Outcome, Received

SOURCE = "sewabazaar/payments"
Occurred = Message[Event]


@dataclass(slots=True)
class Fold:
    """Accounts on their way through a batch, and what is said about them meanwhile."""

    now: datetime
    policies: Sequence[Policy]
    accounts: dict[UUID, Account]
    said: list[Message[Fact]] = field(default_factory=list)

    def settle(self, event: Occurred) -> Outcome:
        """Bring the event's account forward. After a gap sums would be wrong: such an event waits in dead letters for its predecessor."""
        booking, version = event.booking, event.aggregate_version
        if version is None:
            return Burial("schema", "ce_aggregateversion: an event of a booking needs its version")
        account = self.accounts.get(booking)
        stands = account.version if account else 0
        if version <= stands:
            return Fate.DUPLICATE
        if version > stands + 1 or isinstance(event.data, BookingCreated) != (account is None):
            return Burial(
                "poison", f"{event.name} of version {version} cannot follow version {stands}: redrive what is missing, then this one"
            )
        reaction = self._follow(account, event)
        self.accounts[booking] = reaction.account
        self.said += [_message(fact, event, self.now) for fact in reaction.facts]
        return Fate.HANDLED

    def _follow(self, account: Account | None, event: Occurred) -> Reaction:
        if account is None:
            return Reaction(opened(event.booking, 1, cast(BookingCreated, event.data)))
        return react(after(account, event.data), event, self.policies, account.captured)


async def settle_events(connection: AsyncConnection, received: Sequence[Received], now: datetime) -> list[Outcome]:
    """Fold booking events in memory, each account locked, and write what changed together with what is said about it."""
    events = [cast(Occurred, r.message) for r in received]
    before = await store.lock_accounts(connection, (event.booking for event in events))
    policies = await store.load_policies(connection) if need_policies(received) else ()
    fold = Fold(now, policies, dict(before))
    outcomes = [fold.settle(event) for event in events]
    saved = await store.save_accounts(connection, [a for booking, a in fold.accounts.items() if a is not before.get(booking)])
    await outbox.append(connection, SCHEMA, [outbox.outgoing(m) for m in fold.said if m.booking in saved])
    return outcomes


def need_policies(received: Iterable[Received]) -> bool:
    """Return whether an event is among these whose refund depends on the policies."""
    datas = (cast(Occurred, r.message).data for r in received)
    return any(isinstance(data, BookingCancelled) and depends_on_policy(data) for data in datas)


def _message(fact: Fact, event: Occurred, now: datetime) -> Message[Fact]:
    return Message(
        id=fact.refund_id if isinstance(fact, RefundRequested) else fact.gateway_reference,
        source=SOURCE,
        subject=event.subject,
        time=now,
        actor=Actor.system("payments"),
        data=fact,
        correlation_id=event.correlation_id or event.id,
        causation_id=event.id,
        causation_source=event.source,
    )


async def settle_policies(connection: AsyncConnection, received: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Keep the fees of policies; of a category only a higher version counts, and calendars set no fees."""
    newest = await store.newest_versions(connection)
    outcomes: list[Outcome] = []
    new: list[Policy] = []
    for data in (cast(Message[AnyPolicy], r.message).data for r in received):
        if isinstance(data, GracePolicySet) and data.policy_version > newest.get(data.category, 0):
            newest[data.category] = data.policy_version
            new.append(_policy(data))
            outcomes.append(Fate.HANDLED)
        else:
            outcomes.append(Fate.UNCHANGED)
    await store.save_policies(connection, new)
    return outcomes


def _policy(data: GracePolicySet) -> Policy:
    return Policy(
        category=data.category,
        version=data.policy_version,
        effective_at=data.effective_at,
        cancel_fee_percent=Decimal(str(data.cancel_fee_percent)),
        free_cancel_hours=Decimal(str(data.free_cancel_hours)),
        no_show_fee_percent=Decimal(str(data.no_show_fee_percent)),
    )
