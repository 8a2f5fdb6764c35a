"""Bookings that live at random, by the seed: what people, the system and payment services do to them, in batches, as time goes by."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid5

from contracts.actors import Actor
from contracts.message import Message
from contracts.values import Contract
from tests.builders import ADMIN, BOOKING, START, accept, bookings, cancel, create, decline, expire
from tests.integration.booking_service import Service

PROVIDERS = [Actor("provider", str(uuid5(BOOKING, str(n)))) for n in range(4)]
CUSTOMERS = [Actor("customer", str(uuid5(BOOKING, f"c{n}"))) for n in range(4)]
CATEGORIES = ("cleaning", "plumbing", "tutoring")


class Life:
    """One booking, and who may do what to it."""

    def __init__(self, random: Random, booking: UUID) -> None:
        """Draw what it is about: some time in seven weeks around START."""
        self.random, self.id = random, booking
        self.customer, self.provider = random.choice(CUSTOMERS), random.choice(PROVIDERS)
        date = START + timedelta(minutes=random.randrange(-28 * 1440, 21 * 1440))
        facts = {"category": random.choice(CATEGORIES), "booking_date": date, "total_amount": Decimal(random.randrange(1, 300_000)) / 100}
        people = {"customer": UUID(self.customer.id), "provider": UUID(self.provider.id)}
        self.created = create(booking, self.customer, duration_minutes=random.randrange(15, 180), **facts, **people)

    def acts(self, version: int) -> Message[Contract]:
        """Draw something that may happen to it next; often the rules refuse it."""
        moves: list[tuple[int, Callable[[], Message[Any]]]] = [
            (6, lambda: accept(self.id, self.random.choice([self.provider, self.provider, ADMIN]))),
            (1, lambda: decline(self.id, self.random.choice([self.provider, ADMIN]))),
            (1, lambda: cancel(self.id, self.random.choice([self.customer, self.provider, ADMIN]))),
            (2, lambda: expire(self.id, version)),
        ]
        weights, makers = zip(*moves, strict=True)
        return self.random.choices(makers, weights)[0]()


async def live(service: Service, seed: int, number: int = 60, rounds: int = 30) -> Sequence[Life]:
    """Let `number` bookings live for some days; each round is a batch at one instant."""
    random = Random(seed)
    lives = [Life(random, booking) for booking in bookings(number)]
    begun: list[Life] = []
    for _ in range(rounds):
        begun += (new := [lives.pop() for _ in range(min(len(lives), random.randrange(6)))])
        versions = {row[0]: row[1] for row in await service.rows("select id, version from booking.bookings")}
        chosen = random.sample(begun, min(len(begun), 12))
        await service.settle(*(life.created for life in new), *(life.acts(versions.get(life.id, 2)) for life in chosen))
        service.clock.instant += timedelta(seconds=random.choice([1, 59.5, 3600, 14_400.004, 40_000]))
    return begun
