"""What people say about a booking: what comes next, what fits where the booking stands, or anything at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, get_args

from contracts.commands import Target
from contracts.message import Message
from tests import builders
from tests.simulation.people import HOUR, VISITS, Story, create

DAY = timedelta(days=1)
TARGETS: tuple[Target, ...] = get_args(Target)
Tell = Callable[[Story, datetime, Random], Message[Any]]


def put_off(story: Story, now: datetime, _chance: Random) -> Message[Any]:
    """Move it to an hour ago."""
    return builders.reschedule(story.id, story.provider, now - HOUR)


def _create_otherwise(story: Story, now: datetime, chance: Random) -> Message[Any]:
    asked = create(story, now, chance)
    return replace(asked, data=asked.data.model_copy(update={"duration_minutes": 90}))


def _move(story: Story, now: datetime, chance: Random) -> Message[Any]:
    return builders.reschedule(story.id, chance.choice([story.customer, story.provider]), now + chance.choice(VISITS) * HOUR)


def _cancel(story: Story, _now: datetime, chance: Random) -> Message[Any]:
    return builders.cancel(story.id, chance.choice([story.customer, story.provider, builders.ADMIN]))


def _misguided(story: Story, now: datetime, chance: Random) -> Message[Any]:
    """Ask for an expiry at a deadline that lies before any visit: there is no time at which it may happen."""
    return builders.expire(story.id, version=chance.randint(2, 3), expires_at=now - 60 * DAY, valid_until=now + HOUR)


def _override(story: Story, _now: datetime, chance: Random) -> Message[Any]:
    return builders.override(story.id, chance.choice(TARGETS), refund=chance.choice([None, None, "100.00"]))


SAYINGS: dict[str, Tell] = {
    "create": create,
    "create otherwise": _create_otherwise,
    "accept": lambda s, _n, _c: builders.accept(s.id, s.provider),
    "accept as a rival": lambda s, _n, _c: builders.accept(s.id, builders.RIVAL),
    "accept as the customer": lambda s, _n, _c: builders.accept(s.id, s.customer),
    "deliver": lambda s, _n, c: builders.deliver(s.id, s.provider, photos=c.choice([0, 1, 2])),
    "confirm": lambda s, _n, c: builders.confirm(s.id, s.customer, rating=c.choice([None, None, 4])),
    "review": lambda s, _n, _c: builders.review(s.id, s.customer),
    "cancel": _cancel,
    "decline": lambda s, _n, _c: builders.decline(s.id, s.provider),
    "move": _move,
    "edit": lambda s, _n, c: builders.edit_notes(s.id, s.customer, c.choice(["ring twice", "the blue door"])),
    "dispute": lambda s, _n, _c: builders.dispute(s.id, s.customer),
    "complete": lambda s, _n, c: builders.complete(s.id, c.choice([s.provider, s.customer])),
    "miss": lambda s, _n, c: builders.no_show(s.id, c.choice([s.provider, s.customer])),
    "maintain": lambda s, _n, c: builders.maintain(s.id, version=c.randint(2, 4)),
    "override": _override,
    "misguided": _misguided,
}
IN_TURN = ("create", "accept", "deliver", "confirm", "review")
FITTING = {
    "created": ("edit", "cancel", "maintain"),
    "pending": ("accept", "decline", "move", "cancel", "maintain", "override"),
    "confirmed": ("deliver", "deliver", "miss", "miss", "move", "cancel"),
    "awaiting_confirmation": ("confirm", "dispute", "dispute", "complete", "complete"),
    "completed": ("review", "review", "override"),
    "cancelled": ("override", "override", "accept"),
}


def in_turn(story: Story, now: datetime, chance: Random) -> Message[Any] | None:
    """Return what comes next, if anything does."""
    if story.told == len(IN_TURN):
        return None
    story.told += 1
    return SAYINGS[IN_TURN[story.told - 1]](story, now, chance)


def fitting(story: Story, status: str, now: datetime, chance: Random) -> Message[Any]:
    """Return what somebody may say of a booking of this status."""
    return SAYINGS[chance.choice(FITTING.get(status, ("create",)))](story, now, chance)


def anything(story: Story, now: datetime, chance: Random) -> Message[Any]:
    """Return whatever comes to somebody's mind."""
    return chance.choice(list(SAYINGS.values()))(story, now, chance)
