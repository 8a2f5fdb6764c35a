"""The life of a letter that leaves the database: claimed, sent outside of any transaction, and marked together with its receipt."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier import store
from services.notifier.channels import Refused
from services.notifier.channels.mail import Mail
from services.notifier.ledger import Delivery, Key, Outcome, State
from services.notifier.letters import pointless
from services.runtime.metrics import NOTIFICATIONS
from services.runtime.retry import Backoff

LEASE_SECONDS = 30.0
SEND_SECONDS = 20.0
ATTEMPTS = 8
RETRIES = Backoff(first=5.0, factor=4.0, limit=3600.0)
COUNTED_AS = {State.SENT: "sent", State.FAILED: "failed", State.SUPPRESSED: "suppressed", State.PENDING: "retried"}
Attempt = tuple[Delivery, Outcome]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Round:
    """Delivers the e-mails that are due. Any number of processes may do so at the same time."""

    engine: AsyncEngine
    channel: Mail
    backoff: Backoff = RETRIES

    async def run_once(self, now: datetime) -> bool:
        """Attempt the letters that are due, and mark each as soon as its fate is known; True when there may be more."""
        async with self.engine.begin() as connection:
            deliveries = await store.claim(connection, self.channel.name, self.channel.at_once, LEASE_SECONDS)
        for delivery in deliveries:
            if delivery.interrupted:
                _count(delivery.key, "ambiguous")
        await self._attempt_each(deliveries, now)
        return len(deliveries) == self.channel.at_once

    async def _attempt_each(self, deliveries: Sequence[Delivery], now: datetime) -> None:
        underway = {asyncio.create_task(self.attempt(delivery, now)) for delivery in deliveries}
        try:
            while underway:
                done, underway = await asyncio.wait(underway, return_when=asyncio.FIRST_COMPLETED)
                await self.mark([task.result() for task in done], now)
        finally:
            for task in underway:
                task.cancel()

    async def attempt(self, delivery: Delivery, now: datetime) -> Attempt:
        """Send one letter, unless there is no point in it at the business instant `now` any more."""
        try:
            if reason := pointless(delivery, now):
                return self._result(delivery, State.SUPPRESSED, reason)
            async with asyncio.timeout(SEND_SECONDS):
                await self.channel.send(delivery)
        except Refused as refusal:
            return self._unsent(delivery, refusal.reason, final=refusal.final)
        except Exception as error:  # noqa: BLE001 - whatever it was, another try may succeed, and tries are numbered
            return self._unsent(delivery, type(error).__name__, final=False)
        return self._result(delivery, State.SENT)

    def _unsent(self, delivery: Delivery, reason: str, *, final: bool) -> Attempt:
        if final or delivery.attempt >= ATTEMPTS:
            return self._result(delivery, State.FAILED, reason)
        return self._result(delivery, State.PENDING, reason, self.backoff.delay(delivery.attempt))

    @staticmethod
    def _result(delivery: Delivery, state: State, reason: str | None = None, wait: float = 0.0) -> Attempt:
        return delivery, Outcome(delivery.entry, delivery.attempt, state, reason, wait)

    async def mark(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Record what attempts came to, each with its receipt once it is final; an attempt that was overtaken counts for nothing."""
        async with self.engine.begin() as connection:
            settled = await store.settle(connection, [outcome for _, outcome in attempts], now)
        for delivery, outcome in attempts:
            if delivery.key in settled:
                _report(outcome)


def _report(outcome: Outcome) -> None:
    key = outcome.entry.key
    _count(key, COUNTED_AS[outcome.state])
    if outcome.state is State.FAILED:
        about = {"letter": str(key.letter_id), "booking": str(key.booking), "channel": key.channel, "template": key.template}
        log.warning("letter_failed", **about, attempts=outcome.attempt, reason=outcome.reason)


def _count(key: Key, outcome: str) -> None:
    NOTIFICATIONS.labels(key.channel, key.template, outcome).inc()
