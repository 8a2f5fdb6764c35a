"""Letters in the app: a row, written in the transaction that marks the letter as sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import store
from services.notifier.ledger import Delivery
from services.notifier.letters import IN_APP


@dataclass(frozen=True, slots=True)
class InApp:
    """Delivers exactly once."""

    name: str = IN_APP
    at_once: int = 500
    talks: bool = False

    async def send(self, delivery: Delivery) -> None:
        """Do nothing: there is nobody to talk to."""

    async def record(self, connection: AsyncConnection, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Put the letters where the app shows them."""
        await store.keep_letters(connection, deliveries, now)
