"""What becomes of the bookings of a run: each story is the commands of one booking, in the order in which they make sense."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from tests.faults.load import booking_id, creation, instant, line

GRACE = timedelta(hours=24)
Story = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One booking, who takes part in it, and the business instant at which its story begins."""

    key: str
    customer: str
    provider: str
    now: datetime
    chance: random.Random

    @classmethod
    def of(cls, chance: random.Random, people: Mapping[str, Sequence[str]], now: datetime) -> "Scene":
        """Return a scene for two of `people`."""
        return cls(booking_id(chance), chance.choice(people["customer"]), chance.choice(people["provider"]), now, chance)

    def another(self, provider: str) -> "Scene":
        """Return another booking of the same customer, with `provider`."""
        return replace(self, key=booking_id(self.chance), provider=provider)

    def ahead(self) -> datetime:
        """Return an instant far enough ahead for nothing to lapse in a run."""
        return self.now + timedelta(minutes=self.chance.randrange(10_000, 500_000))

    def begins(self, starts: datetime) -> dict[str, object]:
        """Return the command that makes the booking."""
        return creation(self.key, self.customer, self.provider, starts)

    def by_customer(self, name: str, **data: object) -> dict[str, object]:
        """Return a command of the customer's."""
        return line(name, self.key, f"customer:{self.customer}", data)

    def by_provider(self, name: str, **data: object) -> dict[str, object]:
        """Return a command of the provider's."""
        return line(name, self.key, f"provider:{self.provider}", data)


def _accepted(s: Scene) -> Story:
    return [s.begins(s.ahead()), s.by_provider("AcceptBooking")]


def _declined(s: Scene) -> Story:
    return [s.begins(s.ahead()), s.by_provider("DeclineBooking", reason="fully booked")]


def _cancelled_twice(s: Scene) -> Story:
    """The second time nothing is left to change."""
    return [s.begins(s.ahead()), s.by_customer("CancelBooking", reason="changed my mind"), s.by_customer("CancelBooking")]


def _moved(s: Scene) -> Story:
    move = s.by_customer("RescheduleBooking", booking_date=instant(s.ahead()))
    return [s.begins(s.ahead()), s.by_provider("AcceptBooking"), move, s.by_provider("AcceptBooking"), s.by_provider("AcceptBooking")]


def _lapsing(s: Scene) -> Story:
    """Nobody acts on it, and its deadline is over."""
    return [s.begins(s.now - timedelta(days=2))]


def _completed(s: Scene) -> Story:
    """Delivered, confirmed and paid in cash, after which the customer wants to cancel."""
    visit = s.now - timedelta(minutes=s.chance.randrange(60, 1200))
    confirmed = s.by_customer("ConfirmDelivery", rating=s.chance.randrange(1, 6))
    delivered = s.by_provider("DeliverService", photos=[])
    return [s.begins(visit), s.by_provider("AcceptBooking"), delivered, confirmed, s.by_customer("CancelBooking", reason="too late")]


STORIES: Mapping[str, Callable[[Scene], Story]] = {
    "accepted": _accepted,
    "declined": _declined,
    "cancelled twice": _cancelled_twice,
    "moved": _moved,
    "lapsing": _lapsing,
    "completed": _completed,
}
QUICK = ("accepted", "declined")


def at_the_last_moment(s: Scene, left: float) -> tuple[Story, Story]:
    """Return what makes a booking that lapses in `left` seconds, and its acceptance, to be sent at about that time.

    The provider is a stranger, so that no other booking of his is in the way.
    """
    alone = s.another(str(uuid4()))
    return [alone.begins(s.now - GRACE + timedelta(seconds=left))], [alone.by_provider("AcceptBooking")]


def rivals(s: Scene) -> tuple[Story, Story]:
    """Return two bookings of the same hour of one provider, and both their acceptances: one of them is late."""
    one, other, visit = s, s.another(s.provider), s.ahead()
    return [one.begins(visit), other.begins(visit)], [one.by_provider("AcceptBooking"), other.by_provider("AcceptBooking")]


def orphan(chance: random.Random) -> dict[str, object]:
    """Return a command about a booking that never comes."""
    return line("AcceptBooking", booking_id(chance), f"provider:{uuid4()}", {})
