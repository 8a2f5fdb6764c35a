"""Every cell of the table about what admins and our own services do."""

import pytest

from services.booking.office import LapsePrepayment
from tests.builders import BOOKING, command, expire, maintain, outcome, override, suggest
from tests.unit.lifecycle_cells import SENDERS, STATES, Cell, Makes, read_cells

COMMANDS: Makes = {
    "expire": lambda who: expire(BOOKING, actor=who),
    "maintain": lambda who: maintain(BOOKING, who),
    "suggest": lambda who: suggest(BOOKING, who),
    "suggest nothing": lambda who: suggest(BOOKING, who, ranks=0),
    "to pending": lambda who: override(BOOKING, "pending", who),
    "to confirmed": lambda who: override(BOOKING, "confirmed", who),
    "to awaiting": lambda who: override(BOOKING, "awaiting_confirmation", who),
    "to completed": lambda who: override(BOOKING, "completed", who),
    "to cancelled": lambda who: override(BOOKING, "cancelled", who),
    "lapse": lambda who: command(BOOKING, LapsePrepayment(), who),
}
CELLS = """
command         | state                      | customer stranger provider rival admin     upstream expiry    directory system
expire          | unknown                    | –        –        –        –     –         –        –         –         –
expire          | pending confirmed          | no       –        no       –     no        no       cancelled no        no
expire          | else                       | no       –        no       –     no        no       invalid   no        no
maintain        | unknown                    | –        –        –        –     –         –        –         –         –
maintain        | created pending confirmed  | no       –        no       –     cancelled no       no        no        no
maintain        | maintenance                | no       –        no       –     same      no       no        no        no
maintain        | else                       | no       –        no       –     invalid   no       no        no        no
suggest         | unknown                    | –        –        –        –     –         –        –         –         –
suggest         | pending                    | no       –        no       –     no        no       no        pending   no
suggest         | confirmed                  | no       –        no       –     no        no       no        confirmed no
suggest         | cancelled                  | no       –        no       –     no        no       no        cancelled no
suggest         | else                       | no       –        no       –     no        no       no        invalid   no
suggest nothing | unknown                    | –        –        –        –     –         –        –         –         –
suggest nothing | else                       | no       –        no       –     no        no       no        same      no
to pending      | unknown                    | –        –        –        –     –         –        –         –         –
to pending      | pending                    | no       –        no       –     same      no       no        no        no
to pending      | created                    | no       –        no       –     money     no       no        no        no
to pending      | confirmed service_delivered delivered closed expired | no – no – pending no no no no
to pending      | else                       | no       –        no       –     invalid   no       no        no        no
to confirmed    | unknown                    | –        –        –        –     –         –        –         –         –
to confirmed    | confirmed                  | no       –        no       –     same      no       no        no        no
to confirmed    | created                    | no       –        no       –     money     no       no        no        no
to confirmed    | pending service_delivered delivered closed expired | no – no – confirmed no no no no
to confirmed    | else                       | no       –        no       –     invalid   no       no        no        no
to awaiting     | unknown                    | –        –        –        –     –         –        –         –         –
to awaiting     | delivered                  | no       –        no       –     same      no       no        no        no
to awaiting     | created                    | no       –        no       –     money     no       no        no        no
to awaiting     | pending confirmed service_delivered closed expired | no – no – waits no no no no
to awaiting     | else                       | no       –        no       –     invalid   no       no        no        no
to completed    | unknown                    | –        –        –        –     –         –        –         –         –
to completed    | closed                     | no       –        no       –     same      no       no        no        no
to completed    | created pending confirmed service_delivered delivered expired | no – no – money no no no no
to completed    | else                       | no       –        no       –     invalid   no       no        no        no
to cancelled    | unknown                    | –        –        –        –     –         –        –         –         –
to cancelled    | cancelled                  | no       –        no       –     same      no       no        no        no
to cancelled    | else                       | no       –        no       –     cancelled no       no        no        no
lapse           | unknown                    | –        –        –        –     –         –        –         –         –
lapse           | created                    | no       –        no       –     no        no       no        no        not-due
lapse           | else                       | no       –        no       –     no        no       no        no        invalid
"""
EXPECTED = read_cells(CELLS, COMMANDS)


@pytest.mark.parametrize("cell", EXPECTED, ids=str)
def test_every_cell_about_the_office(cell: Cell) -> None:
    command = COMMANDS[cell.command](SENDERS[cell.sender])
    assert outcome(STATES[cell.state], command) == cell.outcome
