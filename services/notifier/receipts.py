"""What became of a letter, told to everybody: ids and codes, and no name or address of anybody."""

from collections.abc import Mapping
from datetime import datetime

from contracts.actors import Actor
from contracts.ids import derived_id
from contracts.message import Message
from contracts.receipts import NotificationFailed, NotificationSent, NotificationSuppressed, Receipt
from services.notifier.ledger import Outcome, State
from services.notifier.letters import REMINDERS

SOURCE, BOOKING_SOURCE, EXPIRY_SOURCE = "sewabazaar/notifier", "sewabazaar/booking", "sewabazaar/expiry"
RECEIPTS: Mapping[State, type[Receipt]] = {
    State.SENT: NotificationSent,
    State.FAILED: NotificationFailed,
    State.SUPPRESSED: NotificationSuppressed,
}


def receipt(outcome: Outcome, at: datetime) -> Message[Receipt]:
    """Return the receipt of a letter whose fate was settled at the business instant `at`."""
    entry, key = outcome.entry, outcome.entry.key
    data = RECEIPTS[outcome.state](
        event_id=key.event,
        recipient=str(key.recipient),
        channel=key.channel,
        template=key.template,
        attempt=outcome.attempt,
        reason=outcome.reason,
        outcome_at=at,
        booking_version=entry.booking_version,
    )
    return Message(
        id=str(derived_id("receipt", str(key.letter_id), str(outcome.attempt))),
        source=SOURCE,
        subject=str(key.booking),
        time=at,
        actor=Actor.system("notifier"),
        data=data,
        correlation_id=entry.correlation_id,
        causation_id=key.event,
        causation_source=EXPIRY_SOURCE if key.template in REMINDERS else BOOKING_SOURCE,
    )
