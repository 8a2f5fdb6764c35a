"""Customers, providers, an admin and a misguided clock, and what they say about bookings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from contracts.actors import Actor
from contracts.directory import PersonUpserted, ProviderHoursSet, ServiceUpserted, Week
from contracts.message import Message
from tests import builders

HOUR = timedelta(hours=1)
VISITS = (-30, -20, -1, 1, 1, 30)
DAY = (("00:00", "24:00"),)
SHOP = Actor("upstream", "shop")
Tell = Callable[["Story", datetime, Random], Message[Any]]


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


def _create_otherwise(story: Story, now: datetime, chance: Random) -> Message[Any]:
    asked = create(story, now, chance)
    return replace(asked, data=asked.data.model_copy(update={"duration_minutes": 90}))


def put_off(story: Story, now: datetime) -> Message[Any]:
    """Move it to an hour ago."""
    return builders.reschedule(story.id, story.provider, now - HOUR)


def _misguided(story: Story, now: datetime, chance: Random) -> Message[Any]:
    """Ask for an expiry at a deadline that lies before any visit: there is no time at which it may happen."""
    long_ago = now - 60 * 24 * HOUR
    return builders.expire(story.id, version=chance.randint(2, 3), expires_at=long_ago, valid_until=now + HOUR)


USUAL: tuple[Tell, ...] = (
    create,
    lambda s, _n, _c: builders.accept(s.id, s.provider),
    lambda s, _n, c: builders.deliver(s.id, s.provider, photos=c.choice([0, 1, 2])),
    lambda s, _n, c: builders.confirm(s.id, s.customer, rating=c.choice([None, 4, 5])),
    lambda s, _n, _c: builders.review(s.id, s.customer),
)
UNUSUAL: tuple[Tell, ...] = (
    *USUAL,
    _create_otherwise,
    lambda s, _n, _c: builders.cancel(s.id, s.customer),
    lambda s, _n, _c: builders.cancel(s.id, s.provider),
    lambda s, _n, _c: builders.decline(s.id, s.provider),
    lambda s, n, c: builders.reschedule(s.id, s.customer, n + c.choice(VISITS) * HOUR),
    lambda s, n, c: builders.reschedule(s.id, s.provider, n + c.choice(VISITS) * HOUR),
    lambda s, _n, c: builders.edit_notes(s.id, s.customer, c.choice(["ring twice", "the blue door"])),
    lambda s, _n, _c: builders.dispute(s.id, s.customer),
    lambda s, _n, _c: builders.complete(s.id, s.provider),
    lambda s, _n, c: builders.no_show(s.id, c.choice([s.provider, s.customer])),
    lambda s, _n, c: builders.maintain(s.id, version=c.randint(2, 4)),
    lambda s, _n, c: builders.override(s.id, c.choice(["pending", "confirmed", "awaiting_confirmation", "completed", "cancelled"])),
    lambda s, _n, c: builders.override(s.id, c.choice(["awaiting_confirmation", "cancelled"]), refund="100.00"),
    lambda s, _n, _c: builders.accept(s.id, builders.RIVAL),
    lambda s, _n, _c: builders.accept(s.id, s.customer),
    _misguided,
)


def usual(story: Story, now: datetime, chance: Random) -> Message[Any] | None:
    """Return what comes next, if anything does."""
    if story.told == len(USUAL):
        return None
    story.told += 1
    return USUAL[story.told - 1](story, now, chance)


def unusual(story: Story, now: datetime, chance: Random) -> Message[Any]:
    """Return whatever comes to somebody's mind."""
    return chance.choice(UNUSUAL)(story, now, chance)


def meet(stories: list[Story], story: Story, now: datetime, chance: Random) -> None:
    """Decide on a time for the visit: often one that collides with another visit of the provider."""
    others = [s.visit for s in stories if s.visit and s.provider == story.provider]
    collides = others and chance.random() < 0.5
    story.visit = chance.choice(others) + chance.choice([0, 0.5, 1]) * HOUR if collides else now + chance.choice(VISITS) * HOUR
