"""Ways to reach people outside of the app."""

from typing import Protocol

from services.notifier.ledger import Delivery


class Refused(Exception):  # noqa: N818 - it says what happened
    """A letter was not taken: `reason` is a code without personal data, and another try is useless when it is `final`."""

    def __init__(self, reason: str, *, final: bool = True) -> None:
        """Note why."""
        super().__init__(reason)
        self.reason, self.final = reason, final


class Channel(Protocol):
    """One way to reach people; `at_once` letters are on their way at the same time."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    @property
    def at_once(self) -> int:
        """How many letters are taken in one round."""

    async def send(self, delivery: Delivery) -> None:
        """Deliver, outside of any transaction. Raises Refused; whatever else it raises is tried again."""
