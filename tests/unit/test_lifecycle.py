"""Every cell of the table: each command of each sender in each state, and which of two defects is answered.

What becomes of work and of what admins and our own services do has files of its own; payment facts too.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

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
    accept,
    after,
    cancel,
    complete,
    confirm,
    create,
    decline,
    deliver,
    edit_notes,
    events_of,
    expire,
    no_show,
    outcome,
    override,
    reschedule,
)
from tests.payment_facts import PAYMENTS, captured
from tests.unit import test_lifecycle_office as office, test_lifecycle_work as work
from tests.unit.lifecycle_cells import LIVED, SENDERS, STATES, Cell, Makes, read_cells

PENDING, CONFIRMED = after(create(BOOKING)), after(create(BOOKING), accept(BOOKING))
FREE = after(create(BOOKING, total_amount=Decimal("0.00")), accept(BOOKING), deliver(BOOKING))
FACTS = {"customer": UUID(CUSTOMER.id)}
COMMANDS: Makes = {
    "create": lambda who: create(BOOKING, who, **FACTS),
    "create another": lambda who: create(BOOKING, who, **FACTS, notes="by the blue door"),
    "accept": lambda who: accept(BOOKING, who),
    "decline": lambda who: decline(BOOKING, who),
    "cancel": lambda who: cancel(BOOKING, who),
    "move": lambda who: reschedule(BOOKING, who),
    "stay": lambda who: reschedule(BOOKING, who, START),
    "edit notes": lambda who: edit_notes(BOOKING, who),
    "keep notes": lambda who: edit_notes(BOOKING, who, ""),
}
CELLS = """
command        | state                     | customer  stranger provider  rival admin     upstream expiry directory system
create         | unknown                   | pending   no       no        no    pending   pending  no     no        no
create         | else                      | same      no       no        no    same      same     no     no        no
create another | unknown                   | pending   no       no        no    pending   pending  no     no        no
create another | else                      | exists    no       no        no    exists    exists   no     no        no
accept         | unknown                   | –         –        –         –     –         –        –      –         –
accept         | pending                   | no        –        confirmed –     confirmed no       no     no        no
accept         | confirmed                 | no        –        same      –     same      no       no     no        no
accept         | else                      | no        –        invalid   –     invalid   no       no     no        no
decline        | unknown                   | –         –        –         –     –         –        –      –         –
decline        | pending                   | no        –        cancelled –     cancelled no       no     no        no
decline        | declined                  | no        –        same      –     same      no       no     no        no
decline        | else                      | no        –        invalid   –     invalid   no       no     no        no
cancel         | unknown                   | –         –        –         –     –         –        –      –         –
cancel         | created pending confirmed | cancelled –        cancelled –     cancelled no       no     no        no
cancel         | cancelled                 | same      –        same      –     same      no       no     no        no
cancel         | else                      | invalid   –        invalid   –     invalid   no       no     no        no
move           | unknown                   | –         –        –         –     –         –        –      –         –
move           | pending                   | pending   –        pending   –     pending   no       no     no        no
move           | confirmed                 | pending   –        confirmed –     confirmed no       no     no        no
move           | else                      | invalid   –        invalid   –     invalid   no       no     no        no
stay           | unknown                   | –         –        –         –     –         –        –      –         –
stay           | else                      | same      –        same      –     same      no       no     no        no
edit notes     | unknown                   | –         –        –         –     –         –        –      –         –
edit notes     | created                   | created   –        no        –     created   no       no     no        no
edit notes     | pending                   | pending   –        no        –     pending   no       no     no        no
edit notes     | confirmed                 | confirmed –        no        –     confirmed no       no     no        no
edit notes     | else                      | invalid   –        no        –     invalid   no       no     no        no
keep notes     | unknown                   | –         –        –         –     –         –        –      –         –
keep notes     | else                      | same      –        no        –     same      no       no     no        no
"""
EXPECTED = read_cells(CELLS, COMMANDS)
EVERY_COMMAND: Makes = {**COMMANDS, **work.COMMANDS, **office.COMMANDS}
EVERY_CELL = [*EXPECTED, *work.EXPECTED, *office.EXPECTED]
REFUSED = {"not-found", "forbidden", "invalid-transition", "already-exists"}


@pytest.mark.parametrize("cell", EXPECTED, ids=str)
def test_every_cell_of_the_table(cell: Cell) -> None:
    command = COMMANDS[cell.command](SENDERS[cell.sender])
    assert outcome(STATES[cell.state], command) == cell.outcome


def test_the_cells_cover_every_command_state_and_sender() -> None:
    named = {type(make(ADMIN).data) for make in EVERY_COMMAND.values()}
    assert named == set(TABLE)
    assert len(EVERY_CELL) == len(EVERY_COMMAND) * len(STATES) * len(SENDERS)


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("state", LIVED)
def test_allowed_names_what_has_an_effect_and_nothing_that_status_or_sender_forbids(state: str, sender: str) -> None:
    cells = [c for c in EVERY_CELL if (c.state, c.sender) == (state, sender)]
    names = {c: type(EVERY_COMMAND[c.command](ADMIN).data).__name__ for c in cells}
    named = set(allowed(STATES[state], SENDERS[sender]))
    assert named >= {names[c] for c in cells if c.outcome not in REFUSED | {"unchanged"}}
    assert named <= {names[c] for c in cells if c.outcome not in REFUSED}


@pytest.mark.parametrize(
    ("state", "sender", "names"),
    [
        ("unknown", "admin", ""),
        ("pending", "stranger", ""),
        ("pending", "provider", "AcceptBooking DeclineBooking CancelBooking RescheduleBooking"),
        ("confirmed", "customer", "CancelBooking EditNotes RescheduleBooking MarkNoShow"),
        ("awaiting", "customer", "ConfirmDelivery CompleteBooking DisputeDelivery"),
        ("completed", "customer", "ReviewBooking"),
        ("declined", "admin", ""),
        ("expired", "admin", "OverrideBooking"),
        ("expired", "directory", "SuggestRebooking"),
    ],
)
def test_allowed_names_what_the_caller_could_send_now(state: str, sender: str, names: str) -> None:
    assert allowed(STATES[state], SENDERS[sender]) == names.split()


@pytest.mark.parametrize(
    ("before", "command", "happens"),
    [
        (None, create(BOOKING), [("BookingCreated", 1, CUSTOMER), ("BookingSubmitted", 2, SYSTEM)]),
        (None, create(BOOKING, prepaid=True, payment_method="sandbox"), [("BookingCreated", 1, CUSTOMER)]),
        (PENDING, accept(BOOKING), [("BookingAccepted", 3, PROVIDER)]),
        (PENDING, decline(BOOKING, ADMIN), [("BookingCancelled", 3, ADMIN)]),
        (CONFIRMED, cancel(BOOKING), [("BookingCancelled", 4, CUSTOMER)]),
        (PENDING, expire(BOOKING), [("BookingCancelled", 3, EXPIRY)]),
        (CONFIRMED, deliver(BOOKING), [("ServiceDelivered", 4, PROVIDER), ("ConfirmationRequested", 5, SYSTEM)]),
        (LIVED["awaiting"], confirm(BOOKING), [("DeliveryConfirmed", 6, CUSTOMER)]),
        (FREE, confirm(BOOKING), [("DeliveryConfirmed", 6, CUSTOMER), ("BookingCompleted", 7, SYSTEM)]),
        (LIVED["agreed"], captured(BOOKING), [("PaymentRecorded", 7, PAYMENTS), ("BookingCompleted", 8, SYSTEM)]),
    ],
)
def test_events_count_versions_on_and_name_who_acted(before: Booking | None, command: Message[BookingCommand], happens: list[Any]) -> None:
    events = events_of(before, command)
    assert [(type(e.data).__name__, e.version, e.actor) for e in events] == happens
    assert {(e.booking, e.at) for e in events} == {(BOOKING, NOW)}


DECLINED = after(create(BOOKING), decline(BOOKING))
CREATED = STATES["created"]
CAPTURED = after(create(BOOKING), accept(BOOKING), captured(BOOKING))
BUSY = [Slot(SCAN, UUID(PROVIDER.id), START, START + HOUR)]


def soon(booking: Booking) -> Booking:
    """The booking for a later day, with photos asked for."""
    return replace(booking, booking_date=NOW + 3 * HOUR, requires_photos=True)


def long_ago(booking: Booking | None) -> Booking:
    """The booking, expired eight days before."""
    assert booking is not None
    return replace(booking, status="cancelled", cancellation_reason="expired", cancelled_at=NOW - timedelta(days=8))


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
        pytest.param(CONFIRMED, no_show(BOOKING, CUSTOMER, "customer"), "forbidden", id="forbidden before slot and time"),
        pytest.param(CONFIRMED, reschedule(BOOKING, PROVIDER, START), "unchanged", id="the same slot before slot-taken"),
        pytest.param(CONFIRMED, reschedule(BOOKING, PROVIDER, START, 90), "slot-taken", id="a longer slot is another"),
        pytest.param(LIVED["disputed"], complete(BOOKING), "disputed", id="disputed before not-confirmed"),
        pytest.param(LIVED["awaiting"], complete(BOOKING), "not-confirmed", id="not-confirmed before payment-due"),
        pytest.param(soon(CONFIRMED), deliver(BOOKING), "too-early", id="too-early before evidence-required"),
        pytest.param(LIVED["declined"], override(BOOKING, "completed"), "invalid-transition", id="final before money-inconsistent"),
        pytest.param(long_ago(CREATED), override(BOOKING, "completed"), "override-too-late", id="too late before money-inconsistent"),
        pytest.param(CAPTURED, override(BOOKING, "confirmed"), "unchanged", id="unchanged before everything about an override"),
        pytest.param(
            PENDING, override(BOOKING, "confirmed", refund="1.00"), "money-inconsistent", id="money-inconsistent before slot-taken"
        ),
    ],
)
def test_of_two_defects_the_first_check_answers(before: Booking | None, command: Message[BookingCommand], first: str) -> None:
    assert outcome(before, command, busy=BUSY) == first
