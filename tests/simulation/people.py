"""Customers and providers, what they offer, and the bookings they think of."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from contracts.actors import Actor
from contracts.directory import PersonUpserted, ProviderHoursSet, ServiceUpserted, Week
from contracts.message import Message
from contracts.policies import GracePolicySet
from tests import builders
from tests.builders import ADMIN

HOUR, A_MINUTE = timedelta(hours=1), timedelta(seconds=60)
VISITS = (-30, -20, -1, 1, 1, 30)
ODDS_OF_COLLISION = 0.5
DAY = (("00:00", "24:00"),)
SHOP = Actor("upstream", "shop")


def person(kind: Any, number: int) -> Actor:
    """Return the customer or provider of a number."""
    return Actor(kind, str(UUID(int=number << 80 | 0x4 << 76 | 0b10 << 62 | number)))


CUSTOMERS = [person("customer", 0x10 + n) for n in range(3)]
PROVIDERS = [person("provider", 0x20 + n) for n in range(2)]


@dataclass
class Story:
    """A booking to be, and how far its people think it is."""

    id: UUID
    customer: Actor
    provider: Actor
    prepaid: bool
    photos: bool
    told: int = 0
    authorized: bool = False
    visit: datetime | None = None


def introductions(now: datetime) -> Iterator[Message[Any]]:
    """Yield what the directory is told of people, services and hours."""
    for n, who in enumerate((*CUSTOMERS, *PROVIDERS)):
        told = PersonUpserted(id=UUID(who.id), role=who.kind, name=f"Person {n}", email=f"person{n}@example.com", active=True)  # type: ignore[arg-type]
        yield _shop(told, now)
    for n, who in enumerate(PROVIDERS):
        offer = ServiceUpserted(
            id=service_of(who),
            provider=UUID(who.id),
            category="plumbing",
            name=f"Service {n}",
            price=builders.TOTAL,
            duration_minutes=60,
            prepaid=False,
            requires_photos=False,
            min_photos=0,
            active=True,
        )
        week = Week(sun=DAY, mon=DAY, tue=DAY, wed=DAY, thu=DAY, fri=DAY, sat=DAY)
        yield _shop(offer, now)
        yield _shop(ProviderHoursSet(provider=UUID(who.id), timezone="Asia/Kathmandu", weekly=week), now)


def _shop(told: PersonUpserted | ServiceUpserted | ProviderHoursSet, now: datetime) -> Message[Any]:
    return Message(told.required_subject(), "shop", told.required_subject(), now, SHOP, told)


def policy(version: int, now: datetime, chance: Random) -> GracePolicySet:
    """Return what an admin may announce: another grace for the category or for all, a minute ahead as is usual, or hours."""
    return GracePolicySet(
        category=chance.choice(["plumbing", "*"]),
        policy_version=version,
        effective_at=now + chance.choice([A_MINUTE, A_MINUTE, 7 * HOUR]),
        grace_hours=chance.choice([12, 24, 36, 48]),
        quiet_hours=chance.choice([None, 6, 48]),
        pin=chance.choice(["live", "live", "at_creation"]),
        set_by=str(ADMIN),
    )


def service_of(provider: Actor) -> UUID:
    """Return the id of what a provider offers."""
    return UUID(int=UUID(provider.id).int ^ 0xFFFF)


def create(story: Story, now: datetime, chance: Random) -> Message[Any]:
    """Ask for the booking."""
    facts: dict[str, Any] = {
        "booking_date": story.visit or now + chance.choice(VISITS) * HOUR,
        "customer": UUID(story.customer.id),
        "provider": UUID(story.provider.id),
        "service": service_of(story.provider),
        "requires_photos": story.photos,
        "min_photos": int(story.photos),
    }
    paying: dict[str, Any] = {"prepaid": True, "payment_method": "sandbox"} if story.prepaid else {}
    return builders.create(story.id, **facts, **paying)


def meet(stories: list[Story], story: Story, now: datetime, chance: Random) -> None:
    """Decide on a time for the visit: often one that collides with another visit of the provider."""
    others = [s.visit for s in stories if s.visit and s.provider == story.provider]
    collides = others and chance.random() < ODDS_OF_COLLISION
    story.visit = chance.choice(others) + chance.choice([0, 0.5, 1]) * HOUR if collides else now + chance.choice(VISITS) * HOUR
