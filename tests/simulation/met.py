"""What histories have met, and what they have to meet between them: a simulation that goes nowhere finds nothing."""

from collections import Counter
from collections.abc import Iterator
from typing import get_args

from contracts.events import CancellationReason
from contracts.rejections import RejectionCode
from contracts.topics import BOOKING_COMMANDS, BOOKING_EVENTS, DEADLINE_EVENTS, PAYMENT_EVENTS, POLICY_EVENTS
from tests.simulation.about_messages import POSED
from tests.simulation.acts import ACTS, BATCHES, CUTS, MAILS, SENDS
from tests.simulation.clashes import STANDS
from tests.simulation.history import History

SAID = (BOOKING_COMMANDS, BOOKING_EVENTS, PAYMENT_EVENTS, DEADLINE_EVENTS, POLICY_EVENTS)
BURIED = ("bad-json", "orphan", *POSED)
NEVER = {"said ScanHeld", "said CalendarPublished"}  # no breaker is set, no policy asks for a calendar


def met(history: History) -> Counter[str]:
    """Count what happened in a history that is over."""
    return history.acts + history.world.traps.met + Counter(_happened(history))


def _happened(history: History) -> Iterator[str]:
    topics = history.lookout.topics
    yield from (f"said {record.name}" for topic in SAID for record in topics[topic.name] if record.data)
    yield from (f"buried {letter.headers['x-dlq-reason']}" for letter in topics["dead-letters.v1"])
    yield from (f"refused {record.data['code']}" for record in topics["booking.rejections.v1"] if record.data)
    ends = [logged.data for logged in history.lookout.tables["log"] if logged.name == "BookingCancelled"]
    yield from (f"cancelled {data['cancellation_reason']}" for data in ends)


def required() -> set[str]:
    """Return all that has to be met: every message, refusal and end that there is, every act, and every fault at every place."""
    said = {f"said {contract.__name__}" for topic in SAID for contract in topic.carries}
    answers = {f"refused {code}" for code in get_args(RejectionCode)} | {f"cancelled {reason}" for reason in get_args(CancellationReason)}
    faults = {f"{effect} {place}" for place, effect in (*BATCHES, *SENDS, *CUTS, *MAILS, ("acknowledge", "crash"))}
    acts = {act.__name__ for act in ACTS} | {f"rebalance {stands}" for stands in STANDS}
    return (said | answers | faults | acts | {f"buried {reason}" for reason in BURIED}) - NEVER
