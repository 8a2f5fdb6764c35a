"""What a run is judged by: everything that was read from outside once it had come to rest."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from tests.faults.clock import Steps, business
from tests.faults.examiner import Evidence, Seen, first_occurrences
from tests.faults.folding import Histories, Row, histories
from tests.faults.load import Ledger
from tests.faults.sink import Mail

Identity = tuple[str, str]
Place = tuple[str, int, int]


@dataclass(frozen=True)
class Tables:
    """The tables of the services.

    `settled` has what the inbox says became of messages, `copies` what each other service knows of a booking (its version and status),
    `deadlines` the index of the expiry service, `told` the send ledger's settled lines (event, recipient, channel, template, receipt),
    `in_app` what lies in people's app (booking, recipient, template).
    """

    bookings: dict[str, Row]
    settled: dict[Identity, str] = field(default_factory=dict)
    copies: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)
    deadlines: dict[str, datetime | None] = field(default_factory=dict)
    told: Counter[tuple[str, ...]] = field(default_factory=Counter)
    in_app: Counter[tuple[str, ...]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Trial:
    """The evidence, the commands topic, letters, tables, when nothing was wrong yet, the business clock, and when all this was looked at.

    Instants are the host's, in seconds.
    """

    evidence: Evidence
    ledger: Ledger
    commands: list[Seen]
    mails: list[Mail]
    tables: Tables
    calm: tuple[float, float]
    clock: Steps
    at: float

    @cached_property
    def histories(self) -> Histories:
        """The events of each booking."""
        return histories(self.evidence.events)

    @cached_property
    def wanted(self) -> dict[Place, str]:
        """Why each record that is to be buried is, by where it lies."""
        marked = ((c.place, c.headers.get("x-ledger", "")) for c in self.commands)
        return {place: self.ledger.unreadable[mark] for place, mark in marked if mark in self.ledger.unreadable}

    def business(self, host: float) -> datetime:
        """Return the business instant at the host's `host`."""
        return business(self.clock, host)

    @property
    def answers(self) -> Counter[str]:
        """How the system answered: by what, and how much of it it said or sent again."""
        e, events = self.evidence, first_occurrences(self.evidence.events)
        refused = Counter(f"refused {r.data['code']}" for r in first_occurrences(e.rejections))
        buried = Counter(f"buried {d.headers['x-dlq-reason']}" for d in e.dead)
        unchanged = Counter(outcome for outcome in self.tables.settled.values() if outcome == "unchanged")
        again = {"events again": len(e.events) - len(events), "letters again": len(self.mails) - len({m.id for m in self.mails})}
        return +(refused + buried + unchanged + Counter({"events": len(events), "letters": len(self.mails), **again}))
