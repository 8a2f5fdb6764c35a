"""Bookings that live at random, by the seed: what people, the system and payment services do to them, in batches, as time goes by."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid5

from contracts.actors import Actor
from contracts.commands import (
    CompleteBooking,
    ConfirmDelivery,
    DeliverService,
    DisputeDelivery,
    MaintenanceCancel,
    MarkNoShow,
    OverrideBooking,
    RescheduleBooking,
    ReviewBooking,
)
from contracts.ids import new_id
from contracts.message import Message
from contracts.payments import PaymentCaptured, RefundSettled
from contracts.values import Contract
from tests.builders import ADMIN, BOOKING, NOW, START, UPSTREAM, accept, bookings, cancel, command, create, decline, expire
from tests.integration.booking_service import Service

PROVIDERS = [Actor("provider", str(uuid5(BOOKING, str(n)))) for n in range(4)]
CUSTOMERS = [Actor("customer", str(uuid5(BOOKING, f"c{n}"))) for n in range(4)]
CATEGORIES = ("cleaning", "plumbing", "tutoring")
TARGETS = ("pending", "confirmed", "awaiting_confirmation", "completed", "cancelled")
WHY = "because the parties say so"
LATER = NOW + timedelta(days=60)
Move = Callable[[], Message[Any]]


class Life:
    """One booking, and who may do what to it."""

    def __init__(self, random: Random, booking: UUID) -> None:
        """Draw what it is about: some time in seven weeks around START."""
        self.random, self.id, self.version = random, booking, 2
        self.customer, self.provider = random.choice(CUSTOMERS), random.choice(PROVIDERS)
        self.amount = Decimal(random.randrange(1, 300_000)) / 100
        facts = {"category": random.choice(CATEGORIES), "booking_date": self.some_date(), "total_amount": self.amount}
        people = {"customer": UUID(self.customer.id), "provider": UUID(self.provider.id)}
        self.created = create(booking, self.customer, duration_minutes=random.randrange(15, 180), **facts, **people)

    def some_date(self) -> Any:
        return START + timedelta(minutes=self.random.randrange(-28 * 1440, 21 * 1440))

    def by(self, *actors: Actor) -> Actor:
        return self.random.choice(actors)

    def acts(self, status: str, version: int) -> Message[Any]:
        """Draw something that may happen to it next; often the rules refuse it."""
        self.version = version
        usual = {"pending": self.asked, "confirmed": self.agreed, "awaiting_confirmation": self.delivered, "completed": self.done}
        seldom = (self.overridden, self.refunded, self.captured, lambda: expire(self.id, version, valid_until=LATER))
        return self.random.choice([*usual.get(status, self.asked)(), self.random.choice(seldom)])()

    def asked(self) -> list[Move]:
        return [
            *[lambda: accept(self.id, self.by(self.provider, self.provider, self.provider, ADMIN))] * 4,
            lambda: decline(self.id, self.by(self.provider, ADMIN)),
            lambda: cancel(self.id, self.by(self.customer, self.provider, ADMIN)),
            lambda: command(self.id, MaintenanceCancel(expected_version=self.version, reason=WHY), ADMIN),
            self.moved,
        ]

    def agreed(self) -> list[Move]:
        return [
            *[lambda: command(self.id, DeliverService(photos=()), self.provider)] * 4,
            lambda: command(self.id, MarkNoShow(), self.by(self.customer, self.provider)),
            self.moved,
        ]

    def delivered(self) -> list[Move]:
        rating = self.random.choice([None, 3, 4, 5])
        return [
            *[lambda: command(self.id, ConfirmDelivery(rating=rating), self.customer)] * 2,
            *[self.captured] * 3,
            lambda: command(self.id, DisputeDelivery(reason=WHY), self.customer),
            lambda: command(self.id, CompleteBooking(), self.provider),
        ]

    def done(self) -> list[Move]:
        return [lambda: command(self.id, ReviewBooking(rating=self.random.randrange(1, 6)), self.customer), self.refunded]

    def moved(self) -> Message[Any]:
        return command(self.id, RescheduleBooking(booking_date=self.some_date()), self.by(self.customer, self.provider, ADMIN))

    def overridden(self) -> Message[Any]:
        return command(self.id, OverrideBooking(target=self.random.choice(TARGETS), reason=WHY), ADMIN)  # type: ignore[arg-type]

    def captured(self) -> Message[Any]:
        currency = self.random.choice(["NPR"] * 9 + ["USD"])
        facts = {"payment_id": "p", "gateway_reference": str(new_id()), "processed_at": NOW, "payment_method": "card"}
        return command(self.id, PaymentCaptured(amount=self.amount, currency=currency, **facts), UPSTREAM)  # type: ignore[arg-type]

    def refunded(self) -> Message[Any]:
        amount = (self.amount / 3).quantize(Decimal("0.01"))
        return command(self.id, RefundSettled(payment_id="p", refund_id=str(new_id()), amount=amount, gateway_reference="r"), UPSTREAM)


async def live(service: Service, seed: int, number: int = 60, rounds: int = 40) -> Sequence[Life]:
    """Let `number` bookings live for some days; each round is a batch at one instant."""
    random = Random(seed)
    lives = [Life(random, booking) for booking in bookings(number)]
    begun: list[Life] = []
    for _ in range(rounds):
        begun += (new := [lives.pop() for _ in range(min(len(lives), random.randrange(6)))])
        now = {row[0]: row[1:] for row in await service.rows("select id, status, version from booking.bookings")}
        batch: list[Message[Contract]] = [life.created for life in new]
        batch += [life.acts(*now.get(life.id, ("pending", 2))) for life in random.sample(begun, min(len(begun), 12))]
        await service.settle(*batch)
        service.clock.instant += timedelta(seconds=random.choice([1, 59.5, 3600, 14_400.004, 40_000]))
    return begun
