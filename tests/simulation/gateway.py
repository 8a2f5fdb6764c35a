"""An upstream payments service: what it says of money, in any order and more than once, and its answers to requests for refunds."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from contracts.actors import Actor
from contracts.message import Message
from contracts.topics import PAYMENT_EVENTS
from tests import payment_facts as facts
from tests.simulation.broker import Log
from tests.simulation.evidence import Seen, seen
from tests.simulation.people import Story

GATEWAY = Actor("upstream", "gateway")
HALF = Decimal("750.00")
ODDS_OF_SETTLING = 0.5
Fact = Callable[[Story, Random], Message[Any]]
FACTS: dict[Fact, int] = {
    lambda s, _: _authorized(s): 5,
    lambda s, c: facts.captured(s.id, HALF, reference=f"{c.choice('cd')}-{s.id}"): 6,
    lambda s, _: facts.captured(s.id, reference=f"e-{s.id}"): 2,
    lambda s, _: facts.captured(s.id, reference=f"f-{s.id}", currency="USD"): 1,
    lambda s, _: facts.failed(s.id, terminal=False): 1,
    lambda s, _: facts.failed(s.id, "authorize"): 1,
    lambda s, _: facts.failed(s.id, "capture"): 1,
    lambda s, _: facts.voided(s.id): 3,
}


def settle(story: Story, log: Log, chance: Random) -> Message[Any] | None:
    """Return the settlement of a refund that was asked for, perhaps."""
    asked = [r for r in map(seen, log.topic(PAYMENT_EVENTS.name)) if _is_request(r, story)]
    return _spoken(_settled(chance.choice(asked), story)) if asked and chance.random() < ODDS_OF_SETTLING else None


def say(story: Story, chance: Random) -> Message[Any]:
    """Return whatever may happen to the booking's money."""
    return _spoken(chance.choices(list(FACTS), list(FACTS.values()))[0](story, chance))


def secure(story: Story) -> Message[Any]:
    """Return that all is set aside, as a pre-paid booking needs it."""
    story.authorized = True
    return _spoken(_authorized(story))


def _authorized(story: Story) -> Message[Any]:
    return facts.authorized(story.id, reference=f"a-{story.id}")


def _is_request(record: Seen, story: Story) -> bool:
    data = record.data or {}
    return record.key == str(story.id) and data.get("payment_id") == "pay-1" and record.name == "RefundRequested"


def _settled(request: Seen, story: Story) -> Message[Any]:
    data = request.data or {}
    return facts.refund_settled(story.id, data["amount"], refund=data["refund_id"], reference=f"s-{data['refund_id']}")


def _spoken(fact: Message[Any]) -> Message[Any]:
    return replace(fact, actor=GATEWAY, source="gateway")
