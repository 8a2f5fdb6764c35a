"""What is promised of bookings: their histories are possible, in time, and what every table says. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from tests.faults.folding import BUSY, CANCELLABLE, FINAL, LAPSING, deadline, folded, instant, slot, status, told, version
from tests.faults.seen import first_occurrences
from tests.faults.trial import Trial

LATE = timedelta(seconds=5)
ROUNDING = timedelta(milliseconds=50)
COUNTED, TINY = ("booking_events_total", "booking_status"), 1e-9


def first_occurrences_in_order(t: Trial) -> Iterator[str]:
    """The first occurrences of a booking's events count from 1, without a gap, and their instants do not go back."""
    for booking, history in told(t.topics.events).items():
        versions, instants = [version(e) for e in history], [instant(e.headers["ce_time"]) for e in history]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{booking} has versions {versions}"
        if instants != sorted(instants):
            yield f"{booking} goes back in time"


def one_cancel(t: Trial) -> Iterator[str]:
    """A booking is cancelled once, from where it can be; what is completed or cancelled moves by an override only."""
    for booking, history in t.histories.items():
        before = ""
        for event in history:
            after = event.data["status"]
            if event.name == "BookingCancelled" and before not in CANCELLABLE:
                yield f"{booking} was cancelled while {before}"
            elif before in FINAL and after != before and event.name != "BookingOverridden":
                yield f"{booking} went from {before} to {after} by {event.name}"
            before = after


def nothing_early(t: Trial) -> Iterator[str]:
    """Nothing lapses, or is asked to, before the deadline that its own events give, or before that instant has come."""
    for booking, history in t.histories.items():
        for n, event in enumerate(history):
            if event.data.get("cancellation_reason") == "expired":
                due, said = deadline(history[:n]), instant(event.data["expired_at"])
                if not due == said <= instant(event.data["cancelled_at"]) <= t.business(event.at) + ROUNDING:
                    yield f"{booking} lapsed at {event.data['cancelled_at']}, said to be due at {said}, and due at {due}"
    for asked in t.topics.commands:
        if asked.name == "ExpireBooking" and instant(asked.data["expires_at"]) > t.business(asked.at) + ROUNDING:
            yield f"{asked.key} was asked to lapse at {t.business(asked.at)}, and is due at {asked.data['expires_at']}"


def lapses(t: Trial) -> Iterator[str]:
    """Whatever nobody acts on is cancelled when its deadline is reached."""
    now = t.business(t.at)
    for booking, history in t.histories.items():
        if status(history) in LAPSING and (due := deadline(history)) + LATE < now:
            yield f"{booking} is {status(history)}, though due at {due}"


def no_overlap(t: Trial) -> Iterator[str]:
    """No provider is in two places at once."""
    busy: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    for booking, history in t.histories.items():
        if status(history) in BUSY:
            busy[history[0].data["provider"]].append((*slot(history), booking))
    for provider, slots in busy.items():
        yield from (f"{provider} is at {one[2]} and at {next_one[2]}" for one, next_one in pairwise(sorted(slots)) if next_one[0] < one[1])


def state_is_the_log(t: Trial) -> Iterator[str]:
    """The table of bookings is what the events come to, and what the other services know of bookings is no other thing."""
    rows = {booking: folded(history) for booking, history in t.histories.items()}
    for booking in sorted(rows.keys() | t.tables.bookings.keys()):
        if rows.get(booking) != t.tables.bookings.get(booking):
            yield f"{booking}: the events come to {rows.get(booking)}, the table has {t.tables.bookings.get(booking)}"
    stands = {booking: (row.version, row.status) for booking, row in rows.items()}
    for service, known in t.tables.copies.items():
        for booking in sorted(stands.keys() | known.keys()):
            if stands.get(booking) != known.get(booking):
                yield f"{booking} is {stands.get(booking)}, and {service} takes it for {known.get(booking)}"


def deadlines_are_due(t: Trial) -> Iterator[str]:
    """The index of deadlines has every open booking under the instant that its events give."""
    for booking, history in t.histories.items():
        due = deadline(history) if status(history) in LAPSING else None
        if t.tables.deadlines.get(booking) != due:
            yield f"{booking} is due at {due}, and the index has {t.tables.deadlines.get(booking)}"


def paid_once(t: Trial) -> Iterator[str]:
    """Whoever has confirmed pays once, in cash, and that completes the booking."""
    captures = Counter(p.key for p in first_occurrences(t.topics.payments) if p.name == "PaymentCaptured")
    for booking, history in t.histories.items():
        confirmed = any(e.name == "DeliveryConfirmed" for e in history)
        if captures[booking] != confirmed:
            yield f"{booking} was paid {captures[booking]} times"
        if confirmed and (status(history) != "completed" or folded(history).captured != Decimal(history[0].data["total_amount"])):
            yield f"{booking} is {status(history)}, confirmed, with {folded(history).captured} captured"


def counted_by_hand(t: Trial) -> Iterator[str]:
    """What is exported is what a count of the topic by hand gives."""
    samples, counted = _samples(t.metrics), defaultdict(float, _by_hand(t))
    for series in sorted(counted.keys() | {name for name in samples if name.startswith(COUNTED)}):
        if abs(samples[series] - counted[series]) > TINY:
            yield f"{series} is exported as {samples[series]}, and counted {counted[series]}"


def _samples(metrics: str) -> defaultdict[str, float]:
    """Return the samples of all processes added up, by series, categories left out."""
    total: defaultdict[str, float] = defaultdict(float)
    for line in metrics.splitlines():
        series, _, value = line.rpartition(" ")
        if series.startswith("booking_"):
            total[series.replace('category="plumbing",', "")] += float(value)
    return total


def _by_hand(t: Trial) -> dict[str, float]:
    events = first_occurrences(t.topics.events)
    types, stands = Counter(e.name for e in events), Counter(status(h) for h in t.histories.values())
    expired = sum(e.data.get("cancellation_reason") == "expired" for e in events)
    ended = stands["completed"] + stands["cancelled"]
    return {
        **{f'booking_events_total{{type="{name}"}}': number for name, number in types.items()},
        **{f'booking_status{{status="{name}"}}': number for name, number in stands.items()},
        "booking_expiry_lag_seconds_count": expired,
        **({'booking_completion_ratio{window="all"}': stands["completed"] / ended} if ended else {}),
        **({'booking_auto_cancel_ratio{window="all"}': expired / ended} if ended else {}),
    }
