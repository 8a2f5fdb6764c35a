"""Every cell of the table: each command of each sender in each state, and the rules that a cell alone does not show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest

from contracts.actors import Actor
from contracts.message import Message
from services.booking.lifecycle import TABLE, BookingCommand, allowed
from services.booking.state import Booking, Slot
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    SCAN,
    START,
    STRANGER,
    SYSTEM,
    UPSTREAM,
    accept,
    after,
    cancel,
    create,
    decline,
    events_of,
    expire,
    outcome,
)

PENDING = after(create(BOOKING))
CONFIRMED = after(create(BOOKING), accept(BOOKING))
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
STATES: dict[str, Booking | None] = {
    "unknown": None,
    **{status: replace(PENDING, status=status) for status in ("created", "pending", "confirmed")},
    **{status: replace(PENDING, status=status) for status in ("service_delivered", "awaiting_confirmation", "completed")},
    **{reason: replace(PENDING, status="cancelled", cancellation_reason=reason) for reason in CANCELLATIONS},  # type: ignore[arg-type]
}
SENDERS = {
    "customer": CUSTOMER,
    "stranger": STRANGER,
    "provider": PROVIDER,
    "rival": RIVAL,
    "admin": ADMIN,
    "upstream": UPSTREAM,
    "expiry": EXPIRY,
    "system": SYSTEM,
}
FACTS = {"customer": UUID(CUSTOMER.id)}
COMMANDS: dict[str, Callable[[Actor], Message[BookingCommand]]] = {
    "create": lambda who: create(BOOKING, who, **FACTS),
    "create another": lambda who: create(BOOKING, who, **FACTS, notes="by the blue door"),
    "accept": lambda who: accept(BOOKING, who),
    "decline": lambda who: decline(BOOKING, who),
    "cancel": lambda who: cancel(BOOKING, who),
    "expire": lambda who: expire(BOOKING, actor=who),
}

# A cell is the status that follows, or `same` where the effect holds already, or the code of the refusal. A state is written with the
# reason where it is cancelled; `else` stands for every state that the command's other lines do not name.
CELLS = """
command        | state     | customer  stranger  provider  rival     admin     upstream  expiry    system
create         | unknown   | pending   forbidden forbidden forbidden pending   pending   forbidden forbidden
create         | else      | same      forbidden forbidden forbidden same      same      forbidden forbidden
create another | unknown   | pending   forbidden forbidden forbidden pending   pending   forbidden forbidden
create another | else      | exists    forbidden forbidden forbidden exists    exists    forbidden forbidden
accept         | unknown   | not-found not-found not-found not-found not-found not-found not-found not-found
accept         | pending   | forbidden not-found confirmed not-found confirmed forbidden forbidden forbidden
accept         | confirmed | forbidden not-found same      not-found same      forbidden forbidden forbidden
accept         | else      | forbidden not-found invalid   not-found invalid   forbidden forbidden forbidden
decline        | unknown   | not-found not-found not-found not-found not-found not-found not-found not-found
decline        | pending   | forbidden not-found cancelled not-found cancelled forbidden forbidden forbidden
decline        | declined  | forbidden not-found same      not-found same      forbidden forbidden forbidden
decline        | else      | forbidden not-found invalid   not-found invalid   forbidden forbidden forbidden
cancel         | unknown   | not-found not-found not-found not-found not-found not-found not-found not-found
cancel         | created   | cancelled not-found cancelled not-found cancelled forbidden forbidden forbidden
cancel         | pending   | cancelled not-found cancelled not-found cancelled forbidden forbidden forbidden
cancel         | confirmed | cancelled not-found cancelled not-found cancelled forbidden forbidden forbidden
cancel         | cancelled | same      not-found same      not-found same      forbidden forbidden forbidden
cancel         | else      | invalid   not-found invalid   not-found invalid   forbidden forbidden forbidden
expire         | unknown   | not-found not-found not-found not-found not-found not-found not-found not-found
expire         | pending   | forbidden not-found forbidden not-found forbidden forbidden cancelled forbidden
expire         | confirmed | forbidden not-found forbidden not-found forbidden forbidden cancelled forbidden
expire         | else      | forbidden not-found forbidden not-found forbidden forbidden invalid   forbidden
"""
SHORT = {"exists": "already-exists", "invalid": "invalid-transition", "same": "unchanged"}


@dataclass(frozen=True)
class Cell:
    """One expectation of CELLS."""

    command: str
    state: str
    sender: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.sender} may {self.command} when {self.state}: {self.outcome}"


def read_cells(table: str) -> list[Cell]:
    """Spell every state of the table out; each command has each state exactly once."""
    header, *lines = [[part.strip() for part in line.split("|")] for line in table.strip().splitlines()]
    cells = []
    for name in COMMANDS:
        left = list(STATES)
        for _, state, outcomes in [line for line in lines if line[0] == name]:
            states = {"else": list(left), "cancelled": list(CANCELLATIONS)}.get(state, [state])
            for each in states:
                left.remove(each)
                pairs = zip(header[2].split(), outcomes.split(), strict=True)
                cells += [Cell(name, each, sender, SHORT.get(outcome, outcome)) for sender, outcome in pairs]
        assert not left, f"{name} has no line for {left}"
    return cells


EXPECTED = read_cells(CELLS)


def test_the_cells_cover_every_command_state_and_sender() -> None:
    named = {type(make(ADMIN).data) for make in COMMANDS.values()}
    assert named == set(TABLE)
    assert len(EXPECTED) == len(COMMANDS) * len(STATES) * len(SENDERS)


@pytest.mark.parametrize("cell", EXPECTED, ids=str)
def test_every_cell_of_the_table(cell: Cell) -> None:
    command = COMMANDS[cell.command](SENDERS[cell.sender])
    assert outcome(STATES[cell.state], command) == cell.outcome


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("state", STATES)
def test_allowed_names_exactly_the_commands_that_would_change_the_booking(state: str, sender: str) -> None:
    changing = {c.command for c in EXPECTED if (c.state, c.sender) == (state, sender) and c.outcome in {"confirmed", "cancelled"}}
    assert allowed(STATES[state], SENDERS[sender]) == [f"{name.title()}Booking" for name in COMMANDS if name in changing]


@pytest.mark.parametrize(
    ("before", "command", "happens"),
    [
        (None, create(BOOKING), [("BookingCreated", 1, CUSTOMER), ("BookingSubmitted", 2, SYSTEM)]),
        (None, create(BOOKING, prepaid=True, payment_method="sandbox"), [("BookingCreated", 1, CUSTOMER)]),
        (PENDING, accept(BOOKING), [("BookingAccepted", 3, PROVIDER)]),
        (PENDING, decline(BOOKING, ADMIN), [("BookingCancelled", 3, ADMIN)]),
        (CONFIRMED, cancel(BOOKING), [("BookingCancelled", 4, CUSTOMER)]),
        (PENDING, expire(BOOKING), [("BookingCancelled", 3, EXPIRY)]),
    ],
)
def test_events_count_versions_on_and_name_who_acted(before: Booking | None, command: Message[BookingCommand], happens: list[Any]) -> None:
    events = events_of(before, command)
    assert [(type(e.data).__name__, e.version, e.actor) for e in events] == happens
    assert {(e.booking, e.at) for e in events} == {(BOOKING, NOW)}


DECLINED = after(create(BOOKING), decline(BOOKING))
CREATED = STATES["created"]
BUSY = [Slot(SCAN, UUID(PROVIDER.id), START, START + HOUR)]
UNPAYABLE: dict[str, Any] = {"prepaid": True, "payment_method": "cash"}


@pytest.mark.parametrize(
    ("before", "command", "first"),
    [
        pytest.param(PENDING, accept(BOOKING, STRANGER), "not-found", id="not-found before forbidden"),
        pytest.param(CONFIRMED, accept(BOOKING, RIVAL), "not-found", id="not-found before unchanged"),
        pytest.param(PENDING, accept(BOOKING, RIVAL, 9), "not-found", id="not-found before version-conflict"),
        pytest.param(None, accept(BOOKING, CUSTOMER), "not-found", id="an unknown booking before forbidden"),
        pytest.param(CONFIRMED, accept(BOOKING, CUSTOMER), "forbidden", id="forbidden before unchanged"),
        pytest.param(PENDING, accept(BOOKING, CUSTOMER, 9), "forbidden", id="forbidden before version-conflict"),
        pytest.param(DECLINED, accept(BOOKING, CUSTOMER), "forbidden", id="forbidden before invalid-transition"),
        pytest.param(None, create(BOOKING, RIVAL, **UNPAYABLE), "forbidden", id="forbidden before money-inconsistent"),
        pytest.param(CONFIRMED, accept(BOOKING, expected_version=9), "unchanged", id="unchanged before version-conflict"),
        pytest.param(CONFIRMED, accept(BOOKING), "unchanged", id="unchanged before slot-taken"),
        pytest.param(DECLINED, accept(BOOKING, expected_version=2), "version-conflict", id="version-conflict before invalid-transition"),
        pytest.param(PENDING, accept(BOOKING, expected_version=1), "version-conflict", id="version-conflict before slot-taken"),
        pytest.param(PENDING, expire(BOOKING, 1, expires_at=NOW + HOUR), "version-conflict", id="version-conflict before not-due"),
        pytest.param(PENDING, expire(BOOKING, 1, valid_until=NOW), "version-conflict", id="version-conflict before stale-command"),
        pytest.param(CREATED, accept(BOOKING), "invalid-transition", id="invalid-transition before slot-taken"),
        pytest.param(CREATED, expire(BOOKING, expires_at=NOW + HOUR), "invalid-transition", id="invalid-transition before not-due"),
        pytest.param(CREATED, expire(BOOKING, valid_until=NOW), "invalid-transition", id="invalid-transition before stale-command"),
        pytest.param(PENDING, create(BOOKING, **UNPAYABLE), "already-exists", id="already-exists before money-inconsistent"),
        pytest.param(PENDING, expire(BOOKING, expires_at=NOW + HOUR, valid_until=NOW), "not-due", id="not-due before stale-command"),
    ],
)
def test_of_two_defects_the_first_check_answers(before: Booking | None, command: Message[BookingCommand], first: str) -> None:
    assert outcome(before, command, busy=BUSY) == first
