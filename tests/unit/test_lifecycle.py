"""Every cell of the table: each command of each sender in each state, and the rules that a cell alone does not show."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from contracts.actors import Actor
from contracts.commands import CreateBooking
from contracts.message import Message
from services.booking.lifecycle import TABLE, BookingCommand, Facts, Refusal, Unchanged, allowed, decide
from services.booking.state import Booking, Slot
from tests.builders import (
    ADMIN,
    BOOKING,
    CUSTOMER,
    DEADLINE,
    EXPIRY,
    HOUR,
    NOW,
    PROVIDER,
    RIVAL,
    SCAN,
    START,
    STRANGER,
    SYSTEM,
    TICK,
    UPSTREAM,
    accept,
    after,
    cancel,
    create,
    decline,
    events_of,
    evidence,
    expire,
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


def outcome(booking: Booking | None, command: Message[BookingCommand], **facts: Any) -> str:
    """What `decide` says, in the words of CELLS."""
    decision = decide(booking, command, Facts(**facts), NOW)
    if isinstance(decision, Refusal):
        return decision.code
    return "unchanged" if isinstance(decision, Unchanged) else decision[-1].data.status


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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"expires_at": NOW}, "cancelled"),
        ({"expires_at": NOW + TICK, "valid_until": NOW + HOUR}, "not-due"),
        ({"valid_until": NOW + TICK}, "cancelled"),
        ({"valid_until": NOW}, "stale-command"),
        ({"expires_at": START + TICK}, "cancelled"),
        ({"expires_at": START}, "not-due"),
        ({"expires_at": START - HOUR}, "not-due"),
    ],
)
def test_a_booking_expires_from_its_deadline_until_the_command_is_stale(changes: dict[str, Any], expected: str) -> None:
    assert outcome(PENDING, expire(BOOKING, **changes)) == expected


@pytest.mark.parametrize(("booking_date", "expected"), [(NOW - TICK, "cancelled"), (NOW, "not-due"), (NOW + HOUR, "not-due")])
def test_no_booking_expires_before_its_date_has_passed(booking_date: Any, expected: str) -> None:
    moved = replace(PENDING, booking_date=booking_date)
    assert outcome(moved, expire(BOOKING, expires_at=max(NOW, booking_date + TICK) if expected == "not-due" else NOW)) == expected


def test_an_expired_booking_keeps_its_deadline_and_the_evidence() -> None:
    (event,) = events_of(CONFIRMED, expire(BOOKING, CONFIRMED.version))
    expected = {
        "status": "cancelled",
        "previous_status": "confirmed",
        "cancellation_reason": "expired",
        "cancellation_note": None,
        "cancelled_by": "system:expiry",
        "cancelled_at": NOW,
        "auto_cancelled": True,
        "expired_at": DEADLINE,
        "booking_date": START,
    }
    assert event.data.model_dump(exclude={"evidence"}) == expected
    assert getattr(event.data, "evidence", None) == evidence(CONFIRMED.version)


@pytest.mark.parametrize(
    ("command", "reason", "note"),
    [
        (decline(BOOKING, reason="away"), "declined", "away"),
        (decline(BOOKING, ADMIN), "declined", None),
        (cancel(BOOKING, CUSTOMER, "no longer needed"), "customer", "no longer needed"),
        (cancel(BOOKING, PROVIDER), "provider", None),
        (cancel(BOOKING, ADMIN), "admin", None),
    ],
)
def test_a_cancellation_says_why_and_by_whom_and_is_not_automatic(command: Message[BookingCommand], reason: str, note: str | None) -> None:
    cancelled = after(create(BOOKING), command)
    assert (cancelled.cancellation_reason, cancelled.cancellation_note) == (reason, note)
    assert (cancelled.cancelled_by, cancelled.cancelled_at) == (str(command.actor), NOW)
    assert (cancelled.auto_cancelled, cancelled.expired_at) == (False, None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prepaid": True, "payment_method": "sandbox"}, "created"),
        ({"prepaid": True, "payment_method": "cash"}, "money-inconsistent"),
        ({"prepaid": True, "payment_method": None}, "money-inconsistent"),
        ({"prepaid": True, "payment_method": "sandbox", "total_amount": Decimal("0.00")}, "pending"),
        ({"prepaid": True, "payment_method": "cash", "total_amount": Decimal("0.00")}, "pending"),
        ({"prepaid": False, "payment_method": "cash"}, "pending"),
        ({"total_amount": Decimal("0.00")}, "pending"),
        ({"booking_date": NOW - timedelta(days=3650)}, "pending"),
    ],
)
def test_a_booking_waits_in_created_only_while_a_prepayment_is_due(changes: dict[str, Any], expected: str) -> None:
    assert outcome(None, create(BOOKING, **changes)) == expected


def test_a_customer_creates_only_for_itself_and_others_for_anybody() -> None:
    theirs = {"customer": UUID(STRANGER.id)}
    assert outcome(None, create(BOOKING, CUSTOMER, **theirs)) == "forbidden"
    assert outcome(None, create(BOOKING, ADMIN, **theirs)) == "pending"
    assert outcome(None, create(BOOKING, UPSTREAM, **theirs)) == "pending"


def test_a_creation_expects_no_version() -> None:
    command = create(BOOKING)
    versioned = replace(command, data=CreateBooking(**{**dict(command.data), "expected_version": 1}))
    assert outcome(None, versioned) == "version-conflict"
    assert outcome(PENDING, versioned) == "unchanged"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (START - HOUR, START, "confirmed"),
        (START + HOUR, START + 2 * HOUR, "confirmed"),
        (START - HOUR, START + TICK, "slot-taken"),
        (START + HOUR - TICK, START + 2 * HOUR, "slot-taken"),
        (START + TICK, START + 2 * TICK, "slot-taken"),
        (START - HOUR, START + 2 * HOUR, "slot-taken"),
    ],
)
def test_an_accept_finds_the_slot_taken_by_whatever_overlaps(start: Any, end: Any, expected: str) -> None:
    other = Slot(SCAN, UUID(PROVIDER.id), start, end)
    assert outcome(PENDING, accept(BOOKING), busy=[other]) == expected


def test_neither_another_providers_time_nor_the_bookings_own_is_in_its_way() -> None:
    theirs = Slot(SCAN, UUID(RIVAL.id), START, START + HOUR)
    own = Slot(BOOKING, UUID(PROVIDER.id), START, START + HOUR)
    assert outcome(PENDING, accept(BOOKING), busy=[theirs, own]) == "confirmed"


def test_an_accepted_booking_says_when_it_begins_and_ends() -> None:
    (event,) = events_of(PENDING, accept(BOOKING))
    assert event.data.model_dump() == {"status": "confirmed", "booking_date": START, "ends_at": START + HOUR}
