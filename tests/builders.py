"""Bookings, commands and records as their senders would make them: what a test does not name is some valid value.

Payment facts are in `tests/payment_facts.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

from contracts.actors import Actor
from contracts.commands import (
    AcceptBooking,
    CancelBooking,
    CompleteBooking,
    ConfirmDelivery,
    CreateBooking,
    DeclineBooking,
    DeliverService,
    DisputeDelivery,
    EditNotes,
    Evidence,
    ExpireBooking,
    MaintenanceCancel,
    MarkNoShow,
    OverrideBooking,
    Party,
    Photo,
    RescheduleBooking,
    ReviewBooking,
    Suggestion,
    SuggestRebooking,
    Target,
    Term,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Sources, Tombstone, decode
from services.booking.lifecycle import Cause, Facts, Refusal, Unchanged, decide
from services.booking.state import Booking, Occurred, Slot, evolve
from services.runtime.outcomes import Received, Record

D = TypeVar("D", bound=Contract)
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
START = NOW - timedelta(hours=25)
DEADLINE = NOW - timedelta(hours=1)
MOVED = NOW + timedelta(hours=48)
TOTAL = Decimal("1500.00")
MINUTE, HOUR, TICK = timedelta(minutes=1), timedelta(hours=1), timedelta(microseconds=1)
BOOKING = UUID("019a3c00-0000-7000-8000-000000000001")
SCAN = UUID("019a3c00-0000-7000-8000-0000000000aa")
SERVICE = UUID("33333333-3333-4333-8333-333333333333")
CUSTOMER = Actor("customer", "11111111-1111-4111-8111-111111111111")
STRANGER = Actor("customer", "66666666-6666-4666-8666-666666666666")
PROVIDER = Actor("provider", "22222222-2222-4222-8222-222222222222")
RIVAL = Actor("provider", "77777777-7777-4777-8777-777777777777")
ADMIN = Actor("admin", "55555555-5555-4555-8555-555555555555")
UPSTREAM = Actor("upstream", "legacy-shop")
EXPIRY, SYSTEM, DIRECTORY = Actor.system("expiry"), Actor.system("booking"), Actor.system("directory")
_numbers = count(1)


def facts(**changes: Any) -> dict[str, Any]:
    """What a CreateBooking says: an hour of plumbing whose 24 h of grace ended an hour before NOW."""
    usual = {
        "customer": UUID(CUSTOMER.id),
        "provider": UUID(PROVIDER.id),
        "service": SERVICE,
        "category": "plumbing",
        "booking_date": START,
        "duration_minutes": 60,
        "total_amount": TOTAL,
    }
    return {**usual, **changes}


def command(booking: UUID, data: D, actor: Actor) -> Message[D]:
    """A command under an id of its own; the system's come from the service they name."""
    source = f"sewabazaar/{actor.id}" if actor.kind == "system" else "shop"
    return Message(id=f"m-{next(_numbers)}", source=source, subject=str(booking), time=NOW, actor=actor, data=data)


def create(booking: UUID, actor: Actor | None = None, **changes: Any) -> Message[CreateBooking]:
    """A request for the booking, by its customer unless somebody else is named."""
    data = CreateBooking(**facts(**changes))
    return command(booking, data, actor or Actor("customer", str(data.customer)))


def accept(booking: UUID, actor: Actor = PROVIDER, expected_version: int | None = None) -> Message[AcceptBooking]:
    """The provider takes it."""
    return command(booking, AcceptBooking(expected_version=expected_version), actor)


def decline(booking: UUID, actor: Actor = PROVIDER, reason: str | None = None) -> Message[DeclineBooking]:
    """The provider does not take it."""
    return command(booking, DeclineBooking(reason=reason), actor)


def cancel(booking: UUID, actor: Actor = CUSTOMER, reason: str | None = None) -> Message[CancelBooking]:
    """A party calls it off."""
    return command(booking, CancelBooking(reason=reason), actor)


def expire(booking: UUID, version: int = 2, actor: Actor = EXPIRY, **changes: Any) -> Message[ExpireBooking]:
    """Expiry has seen DEADLINE pass at NOW."""
    usual = {"expires_at": DEADLINE, "valid_until": NOW + MINUTE, "scan_id": SCAN, "evidence": evidence(version)}
    return command(booking, ExpireBooking(expected_version=version, **{**usual, **changes}), actor)


def reschedule(booking: UUID, actor: Actor = CUSTOMER, to: datetime = MOVED, minutes: int | None = None) -> Message[RescheduleBooking]:
    """Somebody moves it, as long as before unless `minutes` says otherwise."""
    return command(booking, RescheduleBooking(booking_date=to, duration_minutes=minutes), actor)


def edit_notes(booking: UUID, actor: Actor = CUSTOMER, notes: str = "ring twice") -> Message[EditNotes]:
    """The customer says something else."""
    return command(booking, EditNotes(notes=notes), actor)


def deliver(booking: UUID, actor: Actor = PROVIDER, photos: int = 0, **told: Any) -> Message[DeliverService]:
    """The provider has done the work, and shows so many photos."""
    return command(booking, DeliverService(photos=tuple(photo(n) for n in range(photos)), **told), actor)


def photo(number: int) -> Photo:
    """One of several different pictures."""
    return Photo(url=f"/photos/{number}.jpg", sha256=f"{number:064x}", content_type="image/jpeg", bytes=1000 + number)


def confirm(booking: UUID, actor: Actor = CUSTOMER, rating: int | None = None, review: str | None = None) -> Message[ConfirmDelivery]:
    """The customer agrees that the work is done."""
    return command(booking, ConfirmDelivery(rating=rating, review=review), actor)


def complete(booking: UUID, actor: Actor = PROVIDER) -> Message[CompleteBooking]:
    """A party closes it."""
    return command(booking, CompleteBooking(), actor)


def dispute(booking: UUID, actor: Actor = CUSTOMER, reason: str = "still drips") -> Message[DisputeDelivery]:
    """The customer does not agree that the work is done."""
    return command(booking, DisputeDelivery(reason=reason), actor)


def no_show(booking: UUID, actor: Actor = PROVIDER, who: Party | None = None) -> Message[MarkNoShow]:
    """One side says that the other did not come."""
    return command(booking, MarkNoShow(who=who), actor)


def review(booking: UUID, actor: Actor = CUSTOMER, rating: int = 4, text: str | None = None) -> Message[ReviewBooking]:
    """The customer rates it."""
    return command(booking, ReviewBooking(rating=rating, text=text), actor)


def suggest(booking: UUID, actor: Actor = DIRECTORY, ranks: int = 1) -> Message[SuggestRebooking]:
    """The directory has found so many free slots."""
    return command(booking, SuggestRebooking(suggestions=tuple(suggestion(n + 1) for n in range(ranks))), actor)


def suggestion(rank: int) -> Suggestion:
    """A free hour of the same provider, so many days after NOW."""
    at = NOW + rank * 24 * HOUR
    return Suggestion(
        kind="same_provider",
        provider=UUID(PROVIDER.id),
        service=SERVICE,
        booking_date=at,
        ends_at=at + HOUR,
        total_amount=TOTAL,
        rating=4.5,
        rank=rank,
    )


def maintain(booking: UUID, actor: Actor = ADMIN, version: int = 2, reason: str = "stuck for weeks") -> Message[MaintenanceCancel]:
    """An admin clears it away."""
    return command(booking, MaintenanceCancel(expected_version=version, reason=reason), actor)


def override(booking: UUID, target: Target, actor: Actor = ADMIN, refund: str | None = None) -> Message[OverrideBooking]:
    """An admin puts it where it should be."""
    data = OverrideBooking(target=target, reason="agreed by phone", refund_amount=None if refund is None else Decimal(refund))
    return command(booking, data, actor)


def evidence(version: int = 2) -> Evidence:
    """What DEADLINE was computed from."""
    term = Term(anchor="booking_date", anchor_at=START, hours=24, deadline=DEADLINE, skipped=())
    return Evidence(
        terms=(term,),
        adjust="none",
        timezone="Asia/Kathmandu",
        calendar=None,
        calendar_version=None,
        policy_version=0,
        expires_at=DEADLINE,
        scan_id=SCAN,
        observed_version=version,
    )


def events_of(booking: Booking | None, command: Message[Cause], now: datetime = NOW) -> tuple[Occurred, ...]:
    """What happens, where the rules have nothing against it."""
    decision = decide(booking, command, Facts(), now)
    assert not isinstance(decision, Refusal | Unchanged), decision
    return decision


def outcome(booking: Booking | None, command: Message[Cause], busy: Sequence[Slot] = (), now: datetime = NOW) -> str:
    """What `decide` says: the status that follows, `unchanged`, or the code of the refusal."""
    decision = decide(booking, command, Facts(busy), now)
    if isinstance(decision, Refusal):
        return decision.code
    return "unchanged" if isinstance(decision, Unchanged) else decision[-1].data.status


def after(*commands: Message[Cause], now: datetime = NOW) -> Booking:
    """The booking once each of these was handled."""
    return then(None, *commands, now=now)


def then(booking: Booking | None, *messages: Message[Cause], now: datetime = NOW) -> Booking:
    """What becomes of `booking` by messages that each change something."""
    for each in messages:
        booking = reduce(evolve, events_of(booking, each, now), booking)
    assert booking is not None
    return booking


def record(message: Message[Contract], offset: int = 0, **changes: Any) -> Record:
    """The Kafka record that carries the message."""
    made = Record(message.topic, 0, offset, 1_780_000_000_000, message.key(), message.value(), tuple(message.headers()))
    return replace(made, **changes)


def received(message: Message[Contract], offset: int = 0) -> Received:
    """The message as a worker reads it from a record at `offset`."""
    carrier = record(message, offset)
    read = decode(carrier.topic, carrier.key, carrier.headers, carrier.value, sources=Sources(), host_now=datetime.now(UTC))
    assert not isinstance(read, Tombstone)
    return Received(carrier, read)


def bookings(number: int) -> list[UUID]:
    """Ids for new bookings, in order."""
    return [new_id() for _ in range(number)]
