"""What a run is judged by: everything that was read from outside once it had come to rest."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from tests.faults.clock import Steps, business
from tests.faults.folding import Histories, Row, histories
from tests.faults.load import Ledger
from tests.faults.seen import Seen, first_occurrences
from tests.faults.sink import Mail

Identity = tuple[str, str]
Origin = tuple[str, int, int]
IN_CALM = SAID, BURIED = "said in calm", "buried in calm"


@dataclass(frozen=True)
class Topics:
    """What lies in the topics, in order for every key."""

    commands: list[Seen]
    events: list[Seen]
    rejections: list[Seen]
    dead: list[Seen]
    receipts: list[Seen]
    payments: list[Seen]


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
    """What was sent, topics, letters, tables, what is exported, from when to when nothing was wrong, and the business clock.

    Instants are the host's, in seconds; `at` is when all this was looked at.
    """

    ledger: Ledger
    topics: Topics
    mails: list[Mail]
    tables: Tables
    metrics: str
    calm: tuple[float, float]
    clock: Steps
    at: float

    @cached_property
    def histories(self) -> Histories:
        """The events of each booking."""
        return histories(self.topics.events)

    @cached_property
    def wanted(self) -> dict[Origin, str]:
        """Why each record that is to be buried is, by where it lies."""
        marked = ((c.place, c.headers.get("x-ledger", "")) for c in self.topics.commands)
        return {place: self.ledger.unreadable[mark] for place, mark in marked if mark in self.ledger.unreadable}

    def business(self, host: float) -> datetime:
        """Return the business instant at the host's `host`."""
        return business(self.clock, host)

    @property
    def said(self) -> Iterator[Seen]:
        """Everything that the services have said, and buried, in order for every topic and key."""
        yield from (*self.topics.events, *self.topics.rejections, *self.topics.receipts, *self.topics.payments, *self.topics.dead)

    @property
    def said_in_calm(self) -> list[Seen]:
        """What was said while nothing was wrong."""
        begin, end = self.calm
        return [said for said in self.said if begin <= said.at < end]

    @property
    def answers(self) -> Counter[str]:
        """How the system answered: by what, and how much of it it said or sent again."""
        events = first_occurrences(self.topics.events)
        refused = Counter(f"refused {r.data['code']}" for r in first_occurrences(self.topics.rejections))
        buried = Counter(f"buried {d.headers['x-dlq-reason']}" for d in self.topics.dead)
        unchanged = Counter(outcome for outcome in self.tables.settled.values() if outcome == "unchanged")
        again = {"events again": len(self.topics.events) - len(events), "letters again": len(self.mails) - len({m.id for m in self.mails})}
        return +(refused + buried + unchanged + Counter({"events": len(events), "letters": len(self.mails), **again}) + self._calm())

    def _calm(self) -> Counter[str]:
        return Counter(BURIED if "x-dlq-id" in said.headers else SAID for said in self.said_in_calm)
