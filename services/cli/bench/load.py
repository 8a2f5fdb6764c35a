"""What a benchmark sends: requests for bookings, each with its provider's hour to itself."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from contracts.actors import Actor
from contracts.cloudevents import Outgoing
from contracts.commands import CreateBooking
from contracts.ids import derived_id, new_id
from contracts.message import Message

SOURCE = "bench"
PEOPLE = 1000
COPY_EVERY = 10


def requests(number: int, starts: datetime, now: datetime) -> list[Outgoing]:
    """Return the creation of `number` bookings that begin at `starts`, as records."""
    return [_record(_request(n, starts, now)) for n in range(number)]


def with_copies(records: Sequence[Outgoing]) -> list[Outgoing]:
    """Return `records` with every tenth delivered twice."""
    return [copy for n, record in enumerate(records) for copy in (record,) * (1 + (n % COPY_EVERY == 0))]


def _request(n: int, starts: datetime, now: datetime) -> Message[CreateBooking]:
    customer = _person("customer", n)
    facts = CreateBooking(
        customer=customer,
        provider=_person("provider", n),
        service=_person("service", n),
        category="cleaning",
        booking_date=starts,
        duration_minutes=60,
        total_amount=Decimal("1500.00"),
    )
    actor = Actor("customer", str(customer))
    return Message(id=str(new_id()), source=SOURCE, subject=str(new_id()), time=now, actor=actor, data=facts)


def _person(role: str, n: int) -> UUID:
    return derived_id("bench", role, str(n % PEOPLE))


def _record(message: Message[CreateBooking]) -> Outgoing:
    return Outgoing(message.topic, message.key(), message.headers(), message.value())
