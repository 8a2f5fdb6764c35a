"""States, senders, and how the tables of expectations are read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from contracts.actors import Actor
from contracts.message import Message
from services.booking.lifecycle import BookingCommand
from services.booking.state import Booking
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DIRECTORY,
    EXPIRY,
    PROVIDER,
    RIVAL,
    STRANGER,
    SYSTEM,
    UPSTREAM,
    accept,
    after,
    cancel,
    confirm,
    create,
    deliver,
    dispute,
    review,
)
from tests.payment_facts import captured

CANCELLATIONS = (
    "expired",
    "declined",
    "customer",
    "provider",
    "admin",
    "maintenance",
    "payment-failed",
    "no_show_customer",
    "no_show_provider",
)
MADE = (create(BOOKING), accept(BOOKING))
DONE = (*MADE, deliver(BOOKING))
LIVED = {
    "created": after(create(BOOKING, prepaid=True, payment_method="sandbox")),
    "pending": after(create(BOOKING)),
    "confirmed": after(*MADE),
    "service_delivered": replace(after(*MADE), status="service_delivered"),
    "awaiting": after(*DONE),
    "agreed": after(*DONE, confirm(BOOKING)),
    "disputed": after(*DONE, dispute(BOOKING)),
    "completed": after(*DONE, confirm(BOOKING), captured(BOOKING)),
    "reviewed": after(*DONE, confirm(BOOKING), captured(BOOKING), review(BOOKING)),
    **{reason: replace(after(create(BOOKING), cancel(BOOKING)), cancellation_reason=reason) for reason in CANCELLATIONS},  # type: ignore[arg-type]
}
SENDERS = {
    "customer": CUSTOMER,
    "stranger": STRANGER,
    "provider": PROVIDER,
    "rival": RIVAL,
    "admin": ADMIN,
    "upstream": UPSTREAM,
    "expiry": EXPIRY,
    "directory": DIRECTORY,
    "system": SYSTEM,
}
GROUPS = {
    "cancelled": CANCELLATIONS,
    "delivered": ("awaiting", "agreed", "disputed"),
    "closed": ("completed", "reviewed"),
}
SHORT = {
    "–": "not-found",
    "no": "forbidden",
    "same": "unchanged",
    "invalid": "invalid-transition",
    "exists": "already-exists",
    "waits": "awaiting_confirmation",
    "photos": "evidence-required",
    "who": "evidence-required",
    "due": "payment-due",
    "unasked": "not-confirmed",
    "money": "money-inconsistent",
    "early": "too-early",
    "again": "already-reviewed",
}
Makes = Mapping[str, Callable[[Actor], Message[BookingCommand]]]


def at_version_2(booking: Booking) -> Booking:
    """The booking under the version and the creation that the commands of the tables expect."""
    return replace(booking, version=2, creation_digest=LIVED["pending"].creation_digest)


STATES: dict[str, Booking | None] = {"unknown": None, **{name: at_version_2(booking) for name, booking in LIVED.items()}}


@dataclass(frozen=True)
class Cell:
    """One expectation of a table."""

    command: str
    state: str
    sender: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.sender} may {self.command} when {self.state}: {self.outcome}"


def read_cells(table: str, commands: Makes) -> list[Cell]:
    """Spell every state of the table out; each command has each state exactly once.

    A cell is the status that follows, or `same` where the effect holds already, or the code of the refusal. A state is written with
    the reason where it is cancelled; `else` stands for every state that the command's other lines do not name.
    """
    header, *lines = [[part.strip() for part in line.split("|")] for line in table.strip().splitlines()]
    cells = []
    for name in commands:
        left = list(STATES)
        for _, states, outcomes in [line for line in lines if line[0] == name]:
            for state in spelt(states, left):
                left.remove(state)
                pairs = zip(header[2].split(), outcomes.split(), strict=True)
                cells += [Cell(name, state, sender, SHORT.get(outcome, outcome)) for sender, outcome in pairs]
        assert not left, f"{name} has no line for {left}"
    return cells


def spelt(states: str, left: list[str]) -> Iterator[str]:
    """The single states that a line is about."""
    for state in states.split():
        yield from {"else": tuple(left)}.get(state, GROUPS.get(state, (state,)))
