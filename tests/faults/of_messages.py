"""What is promised of messages: none is lost, none has two outcomes, and what is buried is whole. Pure."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain

from tests.faults.seen import Seen, first_occurrences
from tests.faults.trial import Identity, Trial

OWN = frozenset({"sewabazaar/expiry", "sewabazaar/directory"})
COMMANDS = "booking.commands.v1"
LIMIT, KEPT = 64 * 1024, 1024


def accounted(t: Trial) -> Iterator[str]:
    """Kafka has what it said it has, and nobody but the load and the services has sent commands."""
    marks = {c.headers["x-ledger"] for c in t.topics.commands if "x-ledger" in c.headers}
    yield from (f"{mark} was kept, and is not in the topic" for mark in sorted(t.ledger.kept - marks))
    yield from (f"{mark} is in the topic, and was never sent" for mark in sorted(marks - t.ledger.sent))
    yield from (f"{mark} was sent, and never kept" for mark in sorted(t.ledger.sent - t.ledger.kept))
    meant, came = set(chain.from_iterable(t.ledger.commands.values())), {c.headers.get("ce_id") for c in t.topics.commands}
    yield from (f"the command {command} was sent, and is not in the topic" for command in sorted(meant - came))
    unmarked = [c for c in t.topics.commands if "x-ledger" not in c.headers and c.headers.get("ce_source") not in OWN]
    yield from (f"a {c.name} at {c.place} is from nobody" for c in unmarked if c.headers.get("ce_id") not in meant)


def one_outcome(t: Trial) -> Iterator[str]:
    """Every command and every fact about money has events, a refusal, nothing to change, or a dead letter."""
    outcomes = _outcomes(t)
    yield from (
        f"{record.name} {identity} of {record.key} has no outcome" for identity, record in _good(t) if not outcomes[identity].total()
    )


def one_outcome_at_most(t: Trial) -> Iterator[str]:
    """No message has outcomes of two kinds, or two of a kind."""
    for identity, found in _outcomes(t).items():
        if sum(found.values()) > 1:
            yield f"{identity} has the outcomes {dict(found)}"
    caused = Counter((e.cause, e.name, e.key) for e in first_occurrences(t.topics.events))
    yield from (f"{cause} brought about {name} {n} times" for (cause, name, _), n in caused.items() if n > 1)


def _good(t: Trial) -> Iterator[tuple[Identity, Seen]]:
    """Yield what can be understood and finds its booking, one record for each identity."""
    seen: set[Identity] = set()
    for record in (*t.topics.commands, *t.topics.payments):
        identity = record.headers.get("ce_source", ""), record.headers.get("ce_id", "")
        if record.place not in t.wanted and identity not in seen:
            seen.add(identity)
            yield identity, record


def _outcomes(t: Trial) -> Mapping[Identity, Counter[str]]:
    found: dict[Identity, Counter[str]] = defaultdict(Counter)
    for cause in {e.cause for e in t.topics.events}:
        found[cause]["done"] = 1
    for rejection in first_occurrences(t.topics.rejections):
        found[rejection.cause]["refused"] += 1
    for identity in (i for i, settled in t.tables.settled.items() if settled == "unchanged"):
        found[identity]["unchanged"] += 1
    for letter in {d.headers["x-dlq-id"]: d for d in t.topics.dead}.values():
        if origin(letter) not in t.wanted:
            found[letter.headers.get("ce_source", ""), letter.headers.get("ce_id", "")]["buried"] += 1
    return found


def nothing_unasked(t: Trial) -> Iterator[str]:
    """Every event and every refusal goes back to a message that somebody sent."""
    sent = {identity for identity, _ in _good(t)}
    for said in (*t.topics.events, *t.topics.rejections):
        if said.cause not in sent and not said.cause[0].startswith("sewabazaar/booking"):
            yield f"{said.name} of {said.key} is an answer to {said.cause}, which was never sent"


def dead_letters(t: Trial) -> Iterator[str]:
    """Exactly what is not to be understood, or an orphan, is buried: once for each place, for the right reason, and whole."""
    originals = {c.place: c for c in t.topics.commands}
    buried = {d.headers["x-dlq-id"]: d for d in t.topics.dead}
    found = Counter((origin(d), d.headers["x-dlq-reason"]) for d in buried.values())
    yield from (f"{place} is not buried as {why}" for place, why in t.wanted.items() if not found[place, why])
    for (place, why), n in found.items():
        if n > 1 or t.wanted.get(place) != why:
            yield f"{place} is buried as {why}, {n} times"
    for letter in buried.values():
        if (original := originals.get(origin(letter))) and not _whole(letter, original):
            yield f"the dead letter of {original.place} is not what lies there"


def _whole(letter: Seen, original: Seen) -> bool:
    value = original.raw
    if value is not None and len(value) > LIMIT:
        if letter.headers.get("x-dlq-sha256") != hashlib.sha256(value).hexdigest():
            return False
        value = value[:KEPT]
    return letter.key == original.key and letter.raw == value and letter.headers.items() >= original.headers.items()


def origin(letter: Seen) -> tuple[str, int, int]:
    """Return where the original of a dead letter lies."""
    headers = letter.headers
    return headers["x-src-topic"], int(headers["x-src-partition"]), int(headers["x-src-offset"])


def one_voice(t: Trial) -> Iterator[str]:
    """While nothing is wrong nothing is said, or buried, again."""
    yield from (
        f"{message} was said {n} times while nothing was wrong" for message, n in Counter(map(_voice, t.said_in_calm)).items() if n > 1
    )


def repetitions_agree(t: Trial) -> Iterator[str]:
    """What is said again is the same."""
    first: dict[str, Seen] = {}
    for said in t.said:
        if _words(first.setdefault(_voice(said), said)) != _words(said):
            yield f"{_voice(said)} said two things"


def _words(said: Seen) -> tuple[object, ...]:
    return said.key, said.data, said.raw


def _voice(said: Seen) -> str:
    return said.headers.get("x-dlq-id") or said.headers["ce_id"]
