"""What must hold after every step of a history, and what must hold once everything is quiet. Pure, and written from the promises."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.evidence import Evidence, Logged, Row, Seen, firsts

GRACE = timedelta(hours=24)
CANCELLABLE = {"created", "pending", "confirmed"}
PUBLISHED = {
    "booking.events.v1": "booking",
    "booking.rejections.v1": "booking",
    "notification.receipts.v1": "notifier",
    "payment.events.v1": "payments",
}
Check = Callable[[Evidence], Iterator[str]]


def gapless_versions(e: Evidence) -> Iterator[str]:
    """The versions of a booking count from 1, at instants that never go back and lie in no future."""
    for booking, history in e.histories().items():
        instants = [logged.at for logged in history]
        if [logged.version for logged in history] != list(range(1, len(history) + 1)):
            yield f"{booking} has versions {[logged.version for logged in history]}"
        if instants != sorted(instants) or instants[-1] > e.now:
            yield f"{booking} has events out of time"


def one_cancel(e: Evidence) -> Iterator[str]:
    """A booking is cancelled once, from where it can be, and what is completed or cancelled moves by override only."""
    for booking, history in e.histories().items():
        status = ""
        for logged in history:
            if logged.name == "BookingCancelled" and status not in CANCELLABLE:
                yield f"{booking} is cancelled at version {logged.version} while {status}"
            after = logged.data["status"]
            if status in {"completed", "cancelled"} and after != status and logged.name != "BookingOverridden":
                yield f"{booking} goes from {status} to {after} by {logged.name}"
            status = after


def nothing_early(e: Evidence) -> Iterator[str]:
    """No booking expires, and none is asked to, before the deadline that its own history gives."""
    for booking, history in e.histories().items():
        for n, logged in enumerate(history):
            if logged.data.get("cancellation_reason") == "expired":
                due = _deadline(history[:n])
                if logged.at < due or instant(logged.data["expired_at"]) != due:
                    yield f"{booking} expires at {logged.at}, with a deadline of {due}"
    for asked in e.topics["booking.commands.v1"]:
        if asked.data and asked.name == "ExpireBooking" and not (instant(asked.data["expires_at"]) <= asked.at <= e.now):
            yield f"{asked.key} is asked to expire at {asked.at}, the business instant being {e.now}"


def _deadline(history: list[Logged]) -> datetime:
    visit, status, touched = instant(history[0].data["booking_date"]), "", None
    for logged in history:
        moved = logged.name in {"BookingCreated", "BookingRescheduled", "BookingOverridden"}
        visit = instant(logged.data["booking_date"]) if moved else visit
        by_person = logged.actor.partition(":")[0] in {"customer", "provider", "admin"}
        if by_person and ((logged.data["status"] != status and status) or logged.name == "BookingRescheduled"):
            touched = logged.at
        status = logged.data["status"]
    return max(visit + GRACE, touched + GRACE) if touched else visit + GRACE


def folded_log_equals_tables(e: Evidence) -> Iterator[str]:
    """The table of bookings says what the log says."""
    folded = {booking: _folded(history) for booking, history in e.histories().items()}
    for booking in folded.keys() | e.rows.keys():
        if folded.get(booking) != e.rows.get(booking):
            yield f"{booking}: the log gives {folded.get(booking)}, the table has {e.rows.get(booking)}"


def _folded(history: list[Logged]) -> Row:
    latest: dict[str, Any] = {}
    for logged in history:
        latest |= {
            key: logged.data[key] for key in ("booking_date", "cancellation_reason", "captured", "confirmed_by") if key in logged.data
        }
        if logged.name == "BookingOverridden":
            latest["cancellation_reason"] = "admin" if logged.data["status"] == "cancelled" else None
        if logged.name == "BookingDisputed" or (
            logged.name == "BookingOverridden" and logged.data["status"] not in {"completed", "cancelled"}
        ):
            latest["confirmed_by"] = None
    last, captured = history[-1], latest.get("captured") or "0.00"
    visit = instant(latest["booking_date"])
    return Row(last.version, last.data["status"], visit, latest.get("cancellation_reason"), captured, latest.get("confirmed_by"))


def first_occurrences_in_order(e: Evidence) -> Iterator[str]:
    """Per booking the first occurrences of events are 1, 2, 3 …, say what the log says, and their repetitions say the same."""
    logged = {each.event: each for each in e.log}
    versions: dict[str, list[int]] = defaultdict(list)
    for event in firsts(e.topics["booking.events.v1"]):
        versions[event.key].append(int(event.headers["ce_aggregateversion"]))
        if event.headers["ce_id"] not in logged or logged[event.headers["ce_id"]].data != event.data:
            yield f"event {event.headers['ce_id']} is not what the log has"
    yield from (f"{key} is published in order {v}" for key, v in versions.items() if v != list(range(1, len(v) + 1)))


def one_voice(e: Evidence) -> Iterator[str]:
    """A message is published again only where a relay was cut off, and then says the same."""
    for topic, service in PUBLISHED.items():
        copies = Counter(r.identity for r in e.topics[topic] if r.headers.get("ce_source") == f"sewabazaar/{service}")
        for identity, number in copies.items():
            if number > 1 + e.sprung[service]:
                yield f"{identity} was published {number} times, its relay cut off {e.sprung[service]} times"


def one_letter(e: Evidence) -> Iterator[str]:
    """One letter per key: a mail goes out again only where the word of its arrival was lost, and has one receipt."""
    for mail, number in Counter(e.mails).items():
        if number > 1 + e.sprung["mail"] + e.sprung["notifier"]:
            yield f"mail {mail} went out {number} times, {e.sprung['mail']} of all were cut off"
    final = Counter(_letter(r) for r in firsts(e.topics["notification.receipts.v1"]))
    yield from (f"letter {letter} has {number} receipts" for letter, number in final.items() if number > 1)


def _letter(receipt: Seen) -> tuple[str, ...]:
    assert receipt.data is not None
    return tuple(receipt.data[key] for key in ("event_id", "recipient", "channel", "template"))


def one_outcome_at_most(e: Evidence) -> Iterator[str]:
    """No command is both done and refused, refused twice, or done in two goes."""
    for identity, outcomes in _outcomes(e).items():
        if sum(outcomes.values()) > 1:
            yield f"{identity} has the outcomes {dict(outcomes)}"


def _outcomes(e: Evidence) -> Mapping[tuple[str, str], Counter[str]]:
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    instants: dict[tuple[str, str], set[tuple[str, datetime]]] = defaultdict(set)
    for logged in e.log:
        instants[logged.cause].add((logged.booking, logged.at))
    for cause, goes in instants.items():
        found[cause]["done"] = len(goes)
    for rejection in firsts(e.topics["booking.rejections.v1"]):
        found[rejection.cause]["refused"] += 1
    for identity, said in e.inbox.items():
        if said in {"unchanged", "parked"}:
            found[identity][said] += 1
    return found


def one_outcome(e: Evidence) -> Iterator[str]:
    """At rest every message has exactly one outcome: done, refused, unchanged, parked, or a dead letter of one of its records."""
    outcomes = _outcomes(e)
    dead = {
        (d.headers["x-src-topic"], int(d.headers["x-src-partition"]), int(d.headers["x-src-offset"])) for d in e.topics["dead-letters.v1"]
    }
    for topic in ("booking.commands.v1", "payment.events.v1"):
        copies: dict[tuple[str, str], list[Seen]] = defaultdict(list)
        for record in e.topics[topic]:
            copies[record.identity].append(record)
        for identity, records in copies.items():
            buried = sum((topic, *record.place) in dead for record in records)
            unread = [r for r in records if r.data is None and (topic, *r.place) not in dead]
            if unread or (buried == 0 and sum(outcomes[identity].values()) != 1):
                yield f"{identity} of {records[0].key} has the outcomes {dict(outcomes[identity])} and {buried} dead letters"


def all_published(e: Evidence) -> Iterator[str]:
    """At rest the topic has every event of the log."""
    told = {event.headers["ce_id"] for event in e.topics["booking.events.v1"]}
    yield from (f"version {each.version} of {each.booking} was never published" for each in e.log if each.event not in told)


def everybody_told(e: Evidence) -> Iterator[str]:
    """At rest each party has heard of every cancellation and completion in the app and by mail, once."""
    told = Counter((event, who, channel) for event, who, channel, _ in map(_letter, firsts(e.topics["notification.receipts.v1"])))
    parties = {each.booking: (each.data["customer"], each.data["provider"]) for each in e.log if each.name == "BookingCreated"}
    for logged in e.log:
        for wanted in ((logged.event, who, channel) for who in parties[logged.booking] for channel in ("in-app", "email")):
            if logged.name in {"BookingCancelled", "BookingCompleted"} and told[wanted] != 1:
                yield f"{logged.name} of {logged.booking} was told {told[wanted]} times: {wanted}"


def paid_once(e: Evidence) -> Iterator[str]:
    """Our payments service takes the cash of a booking once."""
    ours = [p for p in firsts(e.topics["payment.events.v1"]) if p.identity[0] == "sewabazaar/payments" and p.name == "PaymentCaptured"]
    yield from (f"{booking} was paid {number} times" for booking, number in Counter(p.key for p in ours).items() if number > 1)


def instant(text: str) -> datetime:
    """Read an instant as messages have it."""
    return datetime.fromisoformat(text)


ALWAYS: tuple[Check, ...] = (
    gapless_versions,
    one_cancel,
    nothing_early,
    folded_log_equals_tables,
    first_occurrences_in_order,
    one_voice,
    one_letter,
    one_outcome_at_most,
    paid_once,
)
AT_REST: tuple[Check, ...] = (one_outcome, all_published, everybody_told)
