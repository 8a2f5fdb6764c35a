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
READ_BY = {"booking.commands.v1": "booking.commands", "payment.events.v1": "booking.payments"}


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
    for rejection in firsts(e.decided("booking.rejections.v1")):
        found[rejection.cause]["refused"] += 1
    for identity, said in e.inbox.items():
        if said in {"unchanged", "parked"}:
            found[identity][said] += 1
    return found


def one_outcome(e: Evidence) -> Iterator[str]:
    """Whatever its group is done with has exactly one outcome: done, refused, unchanged, parked, or a dead letter of one of its records."""
    outcomes = outcomes_of(e)
    dead = {origin(letter): letter.headers["x-dlq-reason"] for letter in e.decided("dead-letters.v1")}
    for topic, group in READ_BY.items():
        copies: dict[tuple[str, str], list[Seen]] = defaultdict(list)
        for record in e.topics[topic]:
            if record.place[1] < e.committed.get((group, topic, record.place[0]), 0):
                copies[record.identity].append(record)
        for identity, records in copies.items():
            reasons = [dead.get((topic, *record.place)) for record in records]
            unread = any(record.data is None and reason is None for record, reason in zip(records, reasons, strict=True))
            if unread or sum(outcomes[identity].values()) not in _possible(set(reasons)):
                yield f"{identity} of {records[0].key} has the outcomes {dict(outcomes[identity])}, and dead letters because of {reasons}"


def _possible(reasons: set[str | None]) -> set[int]:
    """Return how many outcomes an identity may have whose records are dead for these reasons; None is a record that is not."""
    why = reasons - {None, *POSED}
    if why:
        return {0, 1} if why == {"orphan"} else {0}
    return {1} if None in reasons else {0, 1}  # whoever is posed for may be still to come


def origin(letter: Seen) -> tuple[str, int, int]:
    """Return where the original of a dead letter lies."""
    headers = letter.headers
    return headers["x-src-topic"], int(headers["x-src-partition"]), int(headers["x-src-offset"])


def buried_once(e: Evidence) -> Iterator[str]:
    """A record has one dead letter for each time that its group was handed it; an orphan another one only where a relay was cut off."""
    ids: dict[tuple[str, str, int, int], list[str]] = defaultdict(list)
    for dead in e.topics["dead-letters.v1"]:
        ids[dead.headers["x-consumer-group"], *origin(dead)].append(dead.headers["x-dlq-id"])
    orphans = {origin(dead) for dead in e.topics["dead-letters.v1"] if dead.headers["x-dlq-reason"] == "orphan"}
    for (group, topic, partition, offset), found in ids.items():
        place = topic, partition, offset
        most = e.handed[group, *place] + e.sprung["booking"] * (place in orphans)
        if len(found) > most or len(set(found)) > 1:
            yield f"{place} was buried {len(found)} times by {group}, which was handed it {most} times, as {set(found)}"


def dead_for_a_reason(e: Evidence) -> Iterator[str]:
    """Only what upstream got wrong is a dead letter, and only of the group that reads it from upstream."""
    for dead in e.topics["dead-letters.v1"]:
        reason, group = dead.headers["x-dlq-reason"], dead.headers["x-consumer-group"]
        if reason not in {"bad-json", "orphan", *POSED} or not group.startswith("booking."):
            yield f"{dead.key} is buried by {group} because of {reason}: {dead.headers['x-dlq-error']}"
