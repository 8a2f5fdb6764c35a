"""What must hold of refusals: they say truly where the booking stood, and that was a reason to refuse."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.simulation.about_bookings import CANCELLABLE, MOVES, OCCUPYING
from tests.simulation.evidence import Evidence, Logged, Seen, firsts, instant

OPEN = {"pending", "confirmed"}
TAKEN_WHILE = {
    "AcceptBooking": {"pending"},
    "DeclineBooking": {"pending"},
    "CancelBooking": CANCELLABLE,
    "MaintenanceCancel": CANCELLABLE,
    "EditNotes": CANCELLABLE,
    "RescheduleBooking": OPEN,
    "ExpireBooking": OPEN,
    "SuggestRebooking": OPEN | {"cancelled"},
    "DeliverService": {"confirmed"},
    "MarkNoShow": {"confirmed"},
    "ConfirmDelivery": {"awaiting_confirmation"},
    "DisputeDelivery": {"awaiting_confirmation"},
    "CompleteBooking": {"awaiting_confirmation"},
    "ReviewBooking": {"completed"},
    "OverrideBooking": CANCELLABLE | OCCUPYING | {"completed"},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A command that was refused at an instant, and the booking's history up to there."""

    command: Seen
    stood: Sequence[Logged]
    at: datetime


def refused_for_a_reason(e: Evidence) -> Iterator[str]:
    """A refusal names the version and status that the booking had; where its reason can be told from outside, it was one."""
    histories, commands = e.histories(), e.topics["booking.commands.v1"]
    for refusal in firsts(e.topics["booking.rejections.v1"]):
        assert refusal.data is not None
        code, version, history = refusal.data["code"], refusal.data["version"] or 0, histories.get(refusal.key, [])
        if _stood(history[:version]) != (version, refusal.data["status"]):
            yield f"{refusal.key} was never {refusal.data['status']} at version {version}"
        refused = [Case(each, history[:version], refusal.at) for each in commands if _is_meant(each, refusal)]
        if code in REASONS and not any(REASONS[code](e, case) for case in refused):
            yield f"{refusal.data['command_type']} of {refusal.key} was refused at {refusal.at}: {refusal.data}"


def _stood(history: Sequence[Logged]) -> tuple[int, str | None]:
    """Return version and status; of a booking that is not there, or not shown to whoever is no party, 0 and None."""
    return len(history), history[-1].data["status"] if history else None


def _is_meant(command: Seen, refusal: Seen) -> bool:
    """Whether `command` may be the one that was refused: another one may pose for it."""
    assert refusal.data is not None
    return command.identity == refusal.cause and command.data is not None and command.headers.get("ce_type") == refusal.data["command_type"]


def _data(case: Case) -> dict[str, Any]:
    assert case.command.data is not None
    return case.command.data


def _wrong_status(_e: Evidence, case: Case) -> bool:
    return case.stood[-1].data["status"] not in TAKEN_WHILE[case.command.name]


def _other_version(_e: Evidence, case: Case) -> bool:
    return bool(_data(case)["expected_version"] != len(case.stood))


def _too_old(_e: Evidence, case: Case) -> bool:
    return case.at >= instant(_data(case)["valid_until"])


def _not_due(_e: Evidence, case: Case) -> bool:
    return not _time(case.stood, {})[1] < instant(_data(case)["expires_at"]) <= case.at


def _rival(e: Evidence, case: Case) -> bool:
    """Whether another booking of the provider took that time at that instant."""
    provider, begins, ends = _time(case.stood, _data(case))
    others = (history for key, history in e.histories().items() if key != case.stood[0].booking)
    taken = (_time(history[:n], {}) for history in others for n in _standing(history, case.at))
    return any(theirs == provider and since < ends and begins < until for theirs, since, until in taken)


def _standing(history: Sequence[Logged], at: datetime) -> Iterator[int]:
    """Yield the versions at which a booking took time at an instant; at that of an event both before and after it."""
    for n, (logged, then) in enumerate(zip(history, [*(each.at for each in history[1:]), at], strict=True), 1):
        if logged.at <= at <= then and logged.data["status"] in OCCUPYING:
            yield n


def _time(history: Sequence[Logged], wanted: dict[str, Any]) -> tuple[str, datetime, datetime]:
    known: dict[str, Any] = {}
    for logged in history:
        known |= logged.data if logged.name in MOVES | {"BookingOverridden"} else {}
    known |= {key: wanted[key] for key in ("booking_date", "duration_minutes") if wanted.get(key)}
    begins = instant(known["booking_date"])
    return known["provider"], begins, begins + timedelta(minutes=known["duration_minutes"])


REASONS: Mapping[str, Callable[[Evidence, Case], bool]] = {
    "invalid-transition": _wrong_status,
    "version-conflict": _other_version,
    "stale-command": _too_old,
    "not-due": _not_due,
    "slot-taken": _rival,
}
