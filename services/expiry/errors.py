"""What can go wrong with expiry."""

from collections.abc import Sequence
from dataclasses import dataclass


class AutoCancelDisabled(Exception):  # noqa: N818 - it says what is the matter
    """AUTO_CANCEL_ENABLED is false, so nothing may be cancelled."""


class NoSuchRun(Exception):  # noqa: N818 - it says what is the matter
    """There is neither a run nor a held scan of this id."""


class FutureAsOf(Exception):  # noqa: N818 - it says what is the matter
    """What will have lapsed can only be listed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class NotAcceptable(Exception):  # noqa: N818 - it says what is the matter
    """A policy or a calendar that cannot be set; nothing has happened."""

    def __init__(self, *problems: Problem) -> None:
        """Name every field that is wrong."""
        super().__init__("; ".join(map(str, problems)))
        self.problems: Sequence[Problem] = problems
