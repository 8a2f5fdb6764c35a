"""The nine topics as data: what they carry, under which key, and for how long."""

from dataclasses import dataclass
from datetime import timedelta

from contracts.commands import COMMANDS
from contracts.deadlines import DEADLINES
from contracts.directory import DIRECTORY
from contracts.events import EVENTS
from contracts.payments import PAYMENTS
from contracts.policies import POLICIES
from contracts.receipts import RECEIPTS
from contracts.rejections import REJECTIONS
from contracts.values import Contract


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic.

    `retention` None is for ever; `open` topics are written to by others than our own services too, and only on those
    does a source have to be entitled to its actor; `actors` are the kinds that may speak there, None being all.
    """

    name: str
    key: str
    carries: tuple[type[Contract], ...]
    retention: timedelta | None = None
    compacted: bool = False
    booking_keyed: bool = True
    open: bool = False
    actors: tuple[str, ...] | None = None


BOOKING_COMMANDS = Topic("booking.commands.v1", "booking", COMMANDS, retention=timedelta(days=7), open=True)
BOOKING_EVENTS = Topic("booking.events.v1", "booking", EVENTS)
BOOKING_REJECTIONS = Topic("booking.rejections.v1", "booking", REJECTIONS, retention=timedelta(days=30))
PAYMENT_EVENTS = Topic("payment.events.v1", "booking", PAYMENTS, open=True)
POLICY_EVENTS = Topic(
    "policy.events.v1",
    "category, * or calendar:<name>",
    POLICIES,
    booking_keyed=False,
    open=True,
    actors=("admin",),
)
DIRECTORY_EVENTS = Topic(
    "directory.events.v1",
    "person:<id>, service:<id>, hours:<provider>, leave:<id> or address:<booking>",
    DIRECTORY,
    compacted=True,
    booking_keyed=False,
    open=True,
)
DEADLINE_EVENTS = Topic("deadline.events.v1", "booking or scan id", DEADLINES, retention=timedelta(days=30), booking_keyed=False)
NOTIFICATION_RECEIPTS = Topic("notification.receipts.v1", "booking", RECEIPTS)
DEAD_LETTERS = Topic("dead-letters.v1", "the original's", (), retention=timedelta(days=90), booking_keyed=False)

TOPICS: tuple[Topic, ...] = (
    BOOKING_COMMANDS,
    BOOKING_EVENTS,
    BOOKING_REJECTIONS,
    PAYMENT_EVENTS,
    POLICY_EVENTS,
    DIRECTORY_EVENTS,
    DEADLINE_EVENTS,
    NOTIFICATION_RECEIPTS,
    DEAD_LETTERS,
)
TOPIC: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
