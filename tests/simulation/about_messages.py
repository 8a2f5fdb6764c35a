"""What must hold of messages after every step: order, no second voice, no second letter, no second outcome."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime

from tests.simulation.evidence import Evidence, Seen, firsts

PUBLISHED = {
    "booking.events.v1": "booking",
    "booking.rejections.v1": "booking",
    "notification.receipts.v1": "notifier",
    "payment.events.v1": "payments",
}
POSED = ("equivocation", "actor-not-allowed")


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
    final = Counter(letter(r) for r in firsts(e.topics["notification.receipts.v1"]))
    yield from (f"letter {letter} has {number} receipts" for letter, number in final.items() if number > 1)


def letter(receipt: Seen) -> tuple[str, ...]:
    """Return the key of the letter that a receipt is for."""
    assert receipt.data is not None
    return tuple(receipt.data[key] for key in ("event_id", "recipient", "channel", "template"))


def one_outcome_at_most(e: Evidence) -> Iterator[str]:
    """No command is both done and refused, refused twice, or done in two goes."""
    for identity, outcomes in outcomes_of(e).items():
        if sum(outcomes.values()) > 1:
            yield f"{identity} has the outcomes {dict(outcomes)}"


def outcomes_of(e: Evidence) -> Mapping[tuple[str, str], Counter[str]]:
    """Return how often each identity was done, refused, left without effect or parked."""
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


def dead_for_a_reason(e: Evidence) -> Iterator[str]:
    """Only what upstream got wrong is a dead letter, and only of the group that reads it from upstream."""
    for dead in e.topics["dead-letters.v1"]:
        reason, group = dead.headers["x-dlq-reason"], dead.headers["x-consumer-group"]
        if reason not in {"bad-json", "orphan", *POSED} or not group.startswith("booking."):
            yield f"{dead.key} is buried by {group} because of {reason}: {dead.headers['x-dlq-error']}"
