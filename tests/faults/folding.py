"""What the events of a booking come to, written from the rules and not from the code. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.faults.seen import Seen, first_occurrences

GRACE = timedelta(hours=24)
CANCELLABLE = frozenset({"created", "pending", "confirmed"})
LAPSING = frozenset({"pending", "confirmed"})
BUSY = frozenset({"confirmed", "service_delivered", "awaiting_confirmation"})
FINAL = frozenset({"completed", "cancelled"})
PEOPLE = frozenset({"customer", "provider", "admin"})
Histories = Mapping[str, Sequence[Seen]]


@dataclass(frozen=True, slots=True)
class Row:
    """What the table of bookings has to say of one."""

    version: int
    status: str
    booking_date: datetime
    cancellation_reason: str | None
    expired_at: datetime | None
    captured: Decimal
    confirmed_by: str | None


def instant(text: str) -> datetime:
    """Read an instant as messages have it."""
    return datetime.fromisoformat(text)


def told(events: Iterable[Seen]) -> Histories:
    """Return the first occurrences of each booking's events, in the order of the topic."""
    found: dict[str, list[Seen]] = defaultdict(list)
    for event in first_occurrences(list(events)):
        found[event.key].append(event)
    return found


def histories(events: Iterable[Seen]) -> Histories:
    """Return the events of each booking in the order of their versions; a booking without a first one has no history."""
    found = {booking: sorted(history, key=version) for booking, history in told(events).items()}
    return {booking: history for booking, history in found.items() if history[0].name == "BookingCreated"}


def version(event: Seen) -> int:
    """Return the version that an event made."""
    return int(event.headers["ce_aggregateversion"])


def status(history: Sequence[Seen]) -> str:
    """Return where a booking stands."""
    return str(history[-1].data["status"])


def visit(history: Sequence[Seen]) -> datetime:
    """Return when a booking is for."""
    moved = [e for e in history if e.name in {"BookingCreated", "BookingRescheduled", "BookingOverridden"}]
    return instant(moved[-1].data["booking_date"])


def deadline(history: Sequence[Seen]) -> datetime:
    """Return the instant at which a booking with this history lapses: a day after its date, or after the last move of a person."""
    touched, before = None, ""
    for event in history:
        by_person = event.headers["ce_actor"].partition(":")[0] in PEOPLE
        changed = before not in {"", event.data["status"]} or event.name == "BookingRescheduled"
        touched = instant(event.headers["ce_time"]) if by_person and changed else touched
        before = event.data["status"]
    due = visit(history) + GRACE
    return max(due, touched + GRACE) if touched else due


def folded(history: Sequence[Seen]) -> Row:
    """Return the row that a history comes to."""
    latest: dict[str, str] = {}
    for event in history:
        latest |= {k: event.data[k] for k in ("cancellation_reason", "expired_at", "captured", "confirmed_by") if event.data.get(k)}
    expired_at = latest.get("expired_at")
    return Row(
        version(history[-1]),
        status(history),
        visit(history),
        latest.get("cancellation_reason"),
        instant(expired_at) if expired_at else None,
        Decimal(latest.get("captured", "0")),
        latest.get("confirmed_by"),
    )


def slot(history: Sequence[Seen]) -> tuple[datetime, datetime]:
    """Return from when to when a booking keeps its provider busy."""
    timed = [e for e in history if "duration_minutes" in e.data]
    begin = visit(history)
    return begin, begin + timedelta(minutes=timed[-1].data["duration_minutes"])
