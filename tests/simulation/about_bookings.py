"""What must hold of bookings after every step: their versions, their ends, their deadlines, their time, and their table."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from tests.simulation.evidence import Evidence, Logged, Row, instant

GRACE = timedelta(hours=24)
CANCELLABLE = {"created", "pending", "confirmed"}
OCCUPYING = {"confirmed", "service_delivered", "awaiting_confirmation"}
MOVES = {"BookingCreated", "BookingRescheduled"}


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
    """No booking expires, and none is asked to, before the deadline that its history gives by the policies in force at that instant."""
    rules = policies(e)
    for booking, history in e.histories().items():
        for n, logged in enumerate(history):
            if logged.data.get("cancellation_reason") == "expired":
                due = deadline(history[:n], rules, logged.at)
                if logged.at < due or instant(logged.data["expired_at"]) != due:
                    yield f"{booking} expires at {logged.at}, with a deadline of {due}"
    for asked in e.topics["booking.commands.v1"]:
        if asked.data and asked.name == "ExpireBooking" and not (instant(asked.data["expires_at"]) <= asked.at <= e.now):
            yield f"{asked.key} is asked to expire at {asked.at}, the business instant being {e.now}"


def policies(e: Evidence) -> list[dict[str, Any]]:
    """Return what was published of policies; a version not above those before it does not count."""
    highest: dict[str, int] = defaultdict(int)
    found = []
    for data in (told.data for told in e.topics["policy.events.v1"] if told.data):
        if data["policy_version"] > highest[data["category"]]:
            highest[data["category"]] = data["policy_version"]
            found.append(data)
    return found


def _hours(history: list[Logged], rules: list[dict[str, Any]], at: datetime) -> tuple[timedelta, timedelta]:
    """Return grace and quiet period of the policy that a booking has at an instant."""
    for scope in (history[0].data["category"], "*"):
        found = [rule for rule in rules if rule["category"] == scope and _applies(rule, history[0].at, at)]
        if found:
            latest = max(found, key=lambda rule: int(rule["policy_version"]))
            grace = timedelta(hours=latest["grace_hours"])
            return grace, grace if latest["quiet_hours"] is None else timedelta(hours=latest["quiet_hours"])
    return GRACE, GRACE


def _applies(rule: dict[str, Any], created: datetime, at: datetime) -> bool:
    return instant(rule["effective_at"]) <= (at if rule["pin"] == "live" else min(at, created))


def deadline(history: list[Logged], rules: list[dict[str, Any]], at: datetime) -> datetime:
    """Return when a booking with this history lapses, while it can, as things stand at an instant."""
    grace, quiet = _hours(history, rules, at)
    visit, status, touched = instant(history[0].data["booking_date"]), "", None
    for logged in history:
        moved = logged.name in {"BookingCreated", "BookingRescheduled", "BookingOverridden"}
        visit = instant(logged.data["booking_date"]) if moved else visit
        by_person = logged.actor.partition(":")[0] in {"customer", "provider", "admin"}
        if by_person and ((logged.data["status"] != status and status) or logged.name == "BookingRescheduled"):
            touched = logged.at
        status = logged.data["status"]
    return max(visit + grace, touched + quiet) if touched else visit + grace


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


def slots_are_taken(e: Evidence) -> Iterator[str]:
    """The time of a provider is taken by the bookings that take it by the log, and by no other."""
    taken = {booking: _slot(history) for booking, history in e.histories().items() if history[-1].data["status"] in OCCUPYING}
    for booking in taken.keys() | e.slots.keys():
        if taken.get(booking) != e.slots.get(booking):
            yield f"{booking} takes {e.slots.get(booking)}, by the log {taken.get(booking)}"


def _slot(history: list[Logged]) -> tuple[str, datetime, datetime]:
    known: dict[str, Any] = {}
    for logged in history:
        known |= logged.data if logged.name in MOVES else {}
    begins = instant(known["booking_date"])
    return known["provider"], begins, begins + timedelta(minutes=known["duration_minutes"])


def no_overlap(e: Evidence) -> Iterator[str]:
    """Two bookings of a provider never take the same time, at no moment of the log; touching is no overlap."""
    facts: dict[str, dict[str, Any]] = {}
    taken: dict[str, tuple[datetime, datetime]] = {}
    for logged in sorted(chain.from_iterable(e.histories().values()), key=lambda each: each.position):
        booking, data = logged.booking, logged.data
        known = facts.setdefault(booking, {})
        known |= {key: data[key] for key in ("provider", "booking_date", "duration_minutes") if logged.name in MOVES and key in data}
        taken.pop(booking, None)
        if data["status"] not in OCCUPYING:
            continue
        begins = instant(known["booking_date"])
        mine = taken[booking] = begins, begins + timedelta(minutes=known["duration_minutes"])
        for other, theirs in taken.items():
            if other != booking and facts[other]["provider"] == known["provider"] and mine[0] < theirs[1] and theirs[0] < mine[1]:
                yield f"{booking} and {other} take the same time of their provider from version {logged.version} of the first on"
