"""Ways to reach people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.ledger import Delivery


class Refused(Exception):  # noqa: N818 - it says what happened
    """A letter was not taken: `reason` is a code without personal data, and another try is useless when it is `final`."""

    def __init__(self, reason: str, *, final: bool = True) -> None:
        """Note why."""
        super().__init__(reason)
        self.reason, self.final = reason, final


class Channel(Protocol):
    """One way to reach people; `at_once` letters are on their way at the same time. Only one that `talks` to somebody sends."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    @property
    def at_once(self) -> int:
        """How many letters are taken in one round."""

    @property
    def talks(self) -> bool:
        """Whether letters leave the database; else recording them is all there is to do."""

    async def send(self, delivery: Delivery) -> None:
        """Deliver, outside of any transaction. Raises Refused; whatever else it raises is tried again."""

    async def record(self, connection: AsyncConnection, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Take part in the transaction that marks `deliveries` as sent."""
