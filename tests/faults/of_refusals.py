"""What is promised of refusals: none without its reason. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.faults.folding import BUSY, instant, slot, status, visit
from tests.faults.seen import Seen, first_occurrences
from tests.faults.trial import Trial
from tests.simulation.about_refusals import TAKEN_WHILE


@dataclass(frozen=True, slots=True)
class Case:
    """A command that was refused at a business instant, and the booking's history up to there."""

    command: Seen
    stood: Sequence[Seen]
    at: datetime


def refused_for_a_reason(t: Trial) -> Iterator[str]:
    """A refusal says truly where its booking stood, and that was a reason to refuse."""
    commands = {(c.headers.get("ce_source", ""), c.headers.get("ce_id", "")): c for c in t.topics.commands if c.place not in t.wanted}
    for refusal in first_occurrences(t.topics.rejections):
        code, stood = refusal.data["code"], t.histories.get(refusal.key, ())[: refusal.data["version"] or 0]
        case = Case(commands[refusal.cause], stood, instant(refusal.headers["ce_time"])) if refusal.cause in commands else None
        if not stood or status(stood) != refusal.data["status"]:
            yield f"{refusal.key} was never {refusal.data['status']} at version {refusal.data['version']}"
        elif case and not REASONS.get(code, _never)(t, case):
            yield f"{case.command.name} of {refusal.key}, which was {status(stood)}, was refused as {code} at {case.at}"


def _never(_t: Trial, _case: Case) -> bool:
    return False


def _wrong_status(_t: Trial, case: Case) -> bool:
    return status(case.stood) not in TAKEN_WHILE[case.command.name]


def _other_version(_t: Trial, case: Case) -> bool:
    return bool(case.command.data["expected_version"] != len(case.stood))


def _too_old(_t: Trial, case: Case) -> bool:
    return case.at >= instant(case.command.data["valid_until"])


def _not_due(_t: Trial, case: Case) -> bool:
    return not visit(case.stood) < instant(case.command.data["expires_at"]) <= case.at


def _rival(t: Trial, case: Case) -> bool:
    """Whether another booking of the provider keeps him busy then, at that instant."""
    begins, ends = slot(case.stood)
    provider, others = case.stood[0].data["provider"], (h for key, h in t.histories.items() if key != case.stood[0].key)
    return any(
        theirs[0] < ends and begins < theirs[1]
        for history in others
        if history[0].data["provider"] == provider
        for theirs in _busy_at(history, case.at)
    )


def _busy_at(history: Sequence[Seen], at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield what a booking kept busy at an instant; at that of an event both before and after it."""
    instants = [instant(event.headers["ce_time"]) for event in history]
    for n, (since, until) in enumerate(zip(instants, [*instants[1:], at], strict=True), 1):
        if since <= at <= until and status(history[:n]) in BUSY:
            yield slot(history[:n])


REASONS: Mapping[str, Callable[[Trial, Case], bool]] = {
    "invalid-transition": _wrong_status,
    "version-conflict": _other_version,
    "stale-command": _too_old,
    "not-due": _not_due,
    "slot-taken": _rival,
}
