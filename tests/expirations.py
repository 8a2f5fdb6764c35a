"""Auto-cancellations under random policies and calendars: what the scan asks for, and what the booking service makes of it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from contracts.events import BookingCancelled
from contracts.ids import new_id
from contracts.message import Message
from contracts.parts import Adjust
from contracts.policies import Weekday
from services.booking.state import Booking
from services.expiry.calendar import Calendar
from services.expiry.grace import Facts, Policy, deadline
from services.expiry.policies import Policies
from services.expiry.store import Entry
from services.expiry.sweep import expire_command
from tests.builders import EXPIRY, SCAN, accept, after, create, events_of, then
from tests.working_days import calendar

ZONES = ("Asia/Kathmandu", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "UTC")
NEW_YEAR, FIRST = datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)
ADJUSTMENTS: tuple[Adjust, ...] = ("none", "roll_forward", "pause")
WEEKDAYS: tuple[Weekday, ...] = ("sun", "mon", "fri", "sat")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lapse:
    """A booking that is due at `now` under the policies."""

    booking: Booking
    facts: Facts
    policies: Policies
    now: datetime

    @property
    def policy(self) -> Policy:
        """What decides about it."""
        return self.policies.of(self.facts, self.now).policy

    @property
    def skips(self) -> bool:
        """Whether days off have moved its deadline."""
        return any(term.skipped for term in deadline(self.facts, self.policies.of(self.facts, self.now)).terms)


def random_lapses(seed: int, count: int) -> Iterator[Lapse]:
    """Yield so many; the same seed gives the same ones, but for their ids."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _lapse(chance, _policies(chance))


def _policies(chance: random.Random) -> Policies:
    quiet = chance.choice((None, chance.uniform(0.01, 100)))
    policy = Policy(
        "*", chance.uniform(0.01, 100), quiet, chance.choice(ADJUSTMENTS), chance.choice(ZONES), "XX", version=chance.randrange(9)
    )
    return Policies(policy, calendars={"XX": (_calendar(chance),)})


def _calendar(chance: random.Random) -> Calendar:
    def some(name: str, most: int) -> dict[date, str]:
        return {FIRST + chance.randrange(500) * DAY: name for _ in range(chance.randrange(most))}

    weekend = chance.sample(WEEKDAYS, chance.randrange(3))
    return calendar(*weekend, holidays=some("feast", 90), working_days=some("work", 9), closures=some("strike", 20))


def _lapse(chance: random.Random, policies: Policies) -> Lapse:
    booked_for = NEW_YEAR + chance.uniform(5, 300) * DAY
    made, touched = booked_for - 3 * DAY, booked_for + chance.uniform(-2, 2) * DAY
    id_ = new_id()
    booking = after(create(id_, booking_date=booked_for), now=made)
    facts = Facts("pending", "plumbing", booked_for, made)
    if chance.random() < 0.5:
        booking = then(booking, accept(id_), now=touched)
        facts = Facts("confirmed", "plumbing", booked_for, made, touched)
    due = deadline(facts, policies.of(facts, made)).expires_at
    assert due is not None
    return Lapse(booking, facts, policies, due + chance.choice((0, 0.001, 1)) * DAY)


def cancelled(lapse: Lapse) -> BookingCancelled:
    """The event by which the booking is cancelled."""
    entry = Entry(lapse.booking.id, lapse.booking.version, lapse.facts)
    command = expire_command(entry, lapse.policies, lapse.now, SCAN)
    assert command is not None
    (event,) = events_of(lapse.booking, command, now=lapse.now)
    assert isinstance(event.data, BookingCancelled)
    return event.data


def message(lapse: Lapse, data: BookingCancelled | None = None) -> Message[BookingCancelled]:
    """The event, or another one in its place, as it is published."""
    booking = lapse.booking
    return Message(
        str(new_id()),
        "sewabazaar/booking",
        str(booking.id),
        lapse.now,
        EXPIRY,
        data or cancelled(lapse),
        aggregate_version=booking.version + 1,
    )
