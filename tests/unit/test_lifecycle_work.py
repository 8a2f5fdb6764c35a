"""Every cell of the table about work: delivered, confirmed, disputed, completed, reviewed, or somebody did not come."""

import pytest

from tests.builders import BOOKING, complete, confirm, deliver, dispute, no_show, outcome, review
from tests.unit.lifecycle_cells import SENDERS, STATES, Cell, Makes, read_cells

COMMANDS: Makes = {
    "deliver": lambda who: deliver(BOOKING, who),
    "confirm": lambda who: confirm(BOOKING, who),
    "complete": lambda who: complete(BOOKING, who),
    "dispute": lambda who: dispute(BOOKING, who),
    "miss somebody": lambda who: no_show(BOOKING, who),
    "miss the customer": lambda who: no_show(BOOKING, who, "customer"),
    "miss the provider": lambda who: no_show(BOOKING, who, "provider"),
    "review": lambda who: review(BOOKING, who),
}
CELLS = """
command           | state            | customer  stranger provider  rival admin     upstream expiry directory system
deliver           | unknown          | –         –        –         –     –         –        –      –         –
deliver           | confirmed        | no        –        waits     –     waits     no       no     no        no
deliver           | delivered        | no        –        same      –     same      no       no     no        no
deliver           | else             | no        –        invalid   –     invalid   no       no     no        no
confirm           | unknown          | –         –        –         –     –         –        –      –         –
confirm           | awaiting         | waits     –        no        –     waits     no       no     no        early
confirm           | agreed           | same      –        no        –     waits     no       no     no        early
confirm           | disputed         | waits     –        no        –     waits     no       no     no        disputed
confirm           | closed           | same      –        no        –     invalid   no       no     no        invalid
confirm           | else             | invalid   –        no        –     invalid   no       no     no        invalid
complete          | unknown          | –         –        –         –     –         –        –      –         –
complete          | awaiting         | unasked   –        unasked   –     unasked   no       no     no        no
complete          | agreed           | due       –        due       –     due       no       no     no        no
complete          | disputed         | disputed  –        disputed  –     disputed  no       no     no        no
complete          | closed           | same      –        same      –     same      no       no     no        no
complete          | else             | invalid   –        invalid   –     invalid   no       no     no        no
dispute           | unknown          | –         –        –         –     –         –        –      –         –
dispute           | awaiting agreed  | waits     –        no        –     waits     no       no     no        no
dispute           | disputed         | same      –        no        –     same      no       no     no        no
dispute           | else             | invalid   –        no        –     invalid   no       no     no        no
miss somebody     | unknown          | –         –        –         –     –         –        –      –         –
miss somebody     | confirmed        | cancelled –        cancelled –     who       no       no     no        no
miss somebody     | no_show_customer | invalid   –        same      –     invalid   no       no     no        no
miss somebody     | no_show_provider | same      –        invalid   –     invalid   no       no     no        no
miss somebody     | else             | invalid   –        invalid   –     invalid   no       no     no        no
miss the customer | unknown          | –         –        –         –     –         –        –      –         –
miss the customer | confirmed        | no        –        cancelled –     cancelled no       no     no        no
miss the customer | no_show_customer | no        –        same      –     same      no       no     no        no
miss the customer | else             | no        –        invalid   –     invalid   no       no     no        no
miss the provider | unknown          | –         –        –         –     –         –        –      –         –
miss the provider | confirmed        | cancelled –        no        –     cancelled no       no     no        no
miss the provider | no_show_provider | same      –        no        –     same      no       no     no        no
miss the provider | else             | invalid   –        no        –     invalid   no       no     no        no
review            | unknown          | –         –        –         –     –         –        –      –         –
review            | completed        | completed –        no        –     no        no       no     no        no
review            | reviewed         | again     –        no        –     no        no       no     no        no
review            | else             | invalid   –        no        –     no        no       no     no        no
"""
EXPECTED = read_cells(CELLS, COMMANDS)


@pytest.mark.parametrize("cell", EXPECTED, ids=str)
def test_every_cell_about_work(cell: Cell) -> None:
    command = COMMANDS[cell.command](SENDERS[cell.sender])
    assert outcome(STATES[cell.state], command) == cell.outcome
