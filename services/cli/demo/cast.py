"""Who plays: customers, providers, and what these offer."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from contracts.actors import Actor
from contracts.directory import Directory, Language, PersonUpserted, ProviderHoursSet, ServiceUpserted, Week

ZONE = "Asia/Kathmandu"
CUSTOMERS = (
    "Sita Rai", "Bikash Shrestha", "Anjali Gurung", "Prakash Tamang", "Kabita Magar", "Suresh Karki",
    "Maya Lama", "Nabin Adhikari", "Rojina Maharjan", "Dipesh Poudel", "Sarita Thapa", "Kiran Bhandari",
)  # fmt: skip
PROVIDERS = ("Hari Thapa", "Gita Sharma", "Ramesh KC", "Laxmi Bista", "Mohan Dahal", "Sunita Khadka", "Arjun Basnet", "Pema Sherpa")
TRADES: tuple[tuple[str, str, int], ...] = (
    ("plumbing", "Tap repair", 1500),
    ("cleaning", "House cleaning", 2800),
    ("tutoring", "Maths lesson", 900),
    ("electrical", "Wiring check", 2200),
)
HOURS = Week(**dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), (("07:00", "20:00"),)))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the directory."""

    id: UUID
    role: Literal["customer", "provider"]
    name: str
    language: Language

    @property
    def actor(self) -> Actor:
        """As whom they speak."""
        return Actor(self.role, str(self.id))


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider does for a price in rupees; it takes an hour."""

    id: UUID
    provider: Person
    category: str
    name: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, and everything on offer."""

    customers: tuple[Person, ...]
    offers: tuple[Offer, ...]

    def introductions(self) -> Iterator[Directory]:
        """Yield what the directory is told."""
        for person in (*self.customers, *(offer.provider for offer in self.offers)):
            email = f"{person.name.lower().replace(' ', '.')}@example.org"
            yield PersonUpserted(
                id=person.id, role=person.role, name=person.name, email=email, language=person.language, timezone=ZONE, active=True
            )
        for offer in self.offers:
            yield ProviderHoursSet(provider=offer.provider.id, timezone=ZONE, weekly=HOURS)
            yield _service(offer)


def _service(offer: Offer) -> ServiceUpserted:
    return ServiceUpserted(
        id=offer.id,
        provider=offer.provider.id,
        category=offer.category,
        name=offer.name,
        price=offer.price,
        duration_minutes=60,
        prepaid=False,
        requires_photos=False,
        min_photos=0,
        active=True,
    )


def cast_of(chance: random.Random) -> Cast:
    """Return the cast; a provider has one offer, and every other person reads Nepali."""

    def key() -> UUID:
        return UUID(int=chance.getrandbits(128), version=4)

    def person(role: Literal["customer", "provider"], number: int, name: str) -> Person:
        return Person(key(), role, name, "ne" if number % 2 else "en")

    providers = [person("provider", n, name) for n, name in enumerate(PROVIDERS)]
    offers = [Offer(key(), who, *TRADES[n % len(TRADES)][:2], Decimal(TRADES[n % len(TRADES)][2])) for n, who in enumerate(providers)]
    return Cast(tuple(person("customer", n, name) for n, name in enumerate(CUSTOMERS)), tuple(offers))
