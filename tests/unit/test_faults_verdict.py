"""What a run under faults is judged by: each broken promise is noticed, under its name."""

import dataclasses

import pytest

from tests.faults.examiner import Evidence, Seen
from tests.faults.load import Ledger
from tests.faults.verdict import Trial

LAPSED, BAD = "b", "m"
PLACE = ("booking.commands.v1", 0, 7)


def event(name: str, version: int, cause: str, **data: object) -> Seen:
    head = {"ce_id": f"event-{version}", "ce_type": f"sewabazaar.{name}.v1", "ce_aggregateversion": str(version)}
    return Seen(LAPSED, {**head, "ce_causationid": cause, "ce_causationsource": "shop"}, data, at=10.0 + version)


def buried(reason: str, offset: int = 7, letter: str = "d") -> Seen:
    origin = {"x-src-topic": PLACE[0], "x-src-partition": "0", "x-src-offset": str(offset)}
    return Seen(LAPSED, {"x-dlq-id": letter, "x-dlq-reason": reason, **origin}, {})


CREATED = event("BookingCreated", 1, "create", status="pending")
CANCELLED = event("BookingCancelled", 2, "expire", status="cancelled", cancellation_reason="expired")
REFUSED = dataclasses.replace(CREATED, headers={**CREATED.headers, "ce_id": "r", "ce_type": "sewabazaar.CommandRejected.v1"})
SAID_AGAIN = dataclasses.replace(CREATED, at=12.5)
RECEIPTS = [
    Seen(LAPSED, {"ce_id": f"{p}{c}", "ce_type": "sewabazaar.NotificationSent.v1"}, {"event_id": "event-2", "recipient": p, "channel": c})
    for p in "cp"
    for c in ("email", "in-app")
]
LEDGER = Ledger({LAPSED: ["create", "expire"]}, {LAPSED: ("c", "p")}, {LAPSED: ""}, {BAD: "bad-json"})
EVIDENCE = Evidence([CREATED, CANCELLED], [], [buried("bad-json")], RECEIPTS, {LAPSED: ("cancelled", 2)}, [])
GOOD = Trial(EVIDENCE, LEDGER, [Seen(LAPSED, {"x-ledger": BAD}, {}, PLACE)], ["<1@x>", "<2@x>"], 0, (0.0, 12.0))


def broken(trial: Trial) -> set[str]:
    return {promise for promise, found in trial.findings().items() if found}


def test_a_good_run_breaks_no_promise() -> None:
    again = dataclasses.replace(GOOD, mails=["<1@x>", "<1@x>", "<2@x>"], spare_attempts=1)
    repeated = dataclasses.replace(GOOD, evidence=dataclasses.replace(EVIDENCE, events=[CREATED, CANCELLED, SAID_AGAIN]))
    assert broken(GOOD) == broken(again) == broken(repeated) == set()


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ({"rejections": [REFUSED]}, "one_outcome_at_most"),
        ({"events": [CREATED, dataclasses.replace(CANCELLED, headers={**CANCELLED.headers, "ce_causationid": "?"})]}, "nothing_unasked"),
        ({"events": [CREATED, event("BookingCancelled", 2, "expire", status="cancelled")]}, "lapses"),
        ({"events": [CREATED, CREATED, CANCELLED]}, "one_voice"),
        ({"dead": []}, "dead_letters"),
        ({"dead": [buried("schema")]}, "dead_letters"),
        ({"dead": [buried("bad-json"), buried("bad-json", letter="e")]}, "dead_letters"),
        ({"dead": [buried("bad-json"), buried("bad-json", 8, "e")]}, "dead_letters"),
        ({"events": [CREATED], "rows": {LAPSED: ("pending", 1)}}, "one_outcome"),
    ],
)
def test_a_broken_promise_is_noticed(change: dict[str, object], promise: str) -> None:
    assert promise in broken(dataclasses.replace(GOOD, evidence=dataclasses.replace(EVIDENCE, **change)))  # type: ignore[arg-type]


@pytest.mark.parametrize("mails", [["<1@x>", "<1@x>", "<2@x>"], ["<1@x>"]])
def test_letters_that_nobody_meant_to_send_or_that_are_missing_are_noticed(mails: list[str]) -> None:
    assert broken(dataclasses.replace(GOOD, mails=mails)) == {"one_letter"}
