"""The examiner itself: it has to see what it is there to see."""

import dataclasses

import pytest

from tests.faults.examiner import Evidence, Seen
from tests.faults.load import Ledger

BOOKING, CUSTOMER, PROVIDER = "b", "c", "p"
LEDGER = Ledger({BOOKING: ["create", "expire"]}, {BOOKING: (CUSTOMER, PROVIDER)})


def event(name: str, version: int, cause: str, **data: object) -> Seen:
    head = {"ce_id": f"event-{version}", "ce_type": f"sewabazaar.{name}.v1", "ce_aggregateversion": str(version), "ce_causationid": cause}
    return Seen(BOOKING, head, data)


def receipt(recipient: str, channel: str) -> Seen:
    return Seen(BOOKING, {"ce_id": f"{recipient}-{channel}"}, {"event_id": "event-2", "recipient": recipient, "channel": channel})


CREATED = event("BookingCreated", 1, "create", status="pending")
CANCELLED = event("BookingCancelled", 2, "expire", status="cancelled")
RECEIPTS = [receipt(person, channel) for person in (CUSTOMER, PROVIDER) for channel in ("email", "in-app")]
GOOD = Evidence([CREATED, CANCELLED], [], [], RECEIPTS, {BOOKING: ("cancelled", 2)}, ["<1@x>", "<2@x>"])
METRICS = """booking_status{status="cancelled"} 1.0
booking_events_total{category="x",type="BookingCreated"} 1.0
booking_events_total{category="x",type="BookingCancelled"} 1.0
"""
CONFIRMED = event("DeliveryConfirmed", 2, "expire", status="awaiting_confirmation")
OTHER = event("BookingCancelled", 3, "expire", status="cancelled")
FORGED = dataclasses.replace(CANCELLED, data={"status": "completed"})


def test_the_examiner_finds_nothing_wrong_with_a_good_run() -> None:
    repeated = dataclasses.replace(GOOD, events=[CREATED, CREATED, CANCELLED, CREATED])
    counted = dataclasses.replace(GOOD, metrics=METRICS)
    assert GOOD.problems(LEDGER) == repeated.problems(LEDGER) == counted.problems(LEDGER) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"events": [CREATED], "rows": {BOOKING: ("pending", 1)}}, "command expire of b has no outcome"),
        ({"events": [CANCELLED, CREATED]}, "b has versions [2, 1]"),
        ({"events": [CREATED, CANCELLED, OTHER], "rows": {BOOKING: ("cancelled", 3)}}, "b was cancelled 2 times"),
        ({"events": [CREATED, CANCELLED, FORGED]}, "event-2 said two things"),
        ({"rows": {BOOKING: ("pending", 1)}}, "b is ('pending', 1) in the table and ('cancelled', 2) in the log"),
        ({"rows": {**GOOD.rows, "a": ("pending", 1)}}, "a is ('pending', 1) in the table and None in the log"),
        ({"mails": ["<1@x>", "<1@x>"]}, "mail <1@x> was sent 2 times"),
        ({"receipts": RECEIPTS[1:]}, "('event-2', 'c', 'email') was told 0 times"),
        ({"metrics": METRICS + METRICS}, "exported are Counter({'cancelled': 2}), counted Counter({'cancelled': 1})"),
        ({"metrics": ""}, "exported are Counter(), counted Counter({'cancelled': 1})"),
        ({"events": [CREATED, CONFIRMED], "rows": {BOOKING: ("awaiting_confirmation", 2)}}, "b was paid 0 times"),
        ({"payments": [Seen(BOOKING, {"ce_id": "p", "ce_type": "sewabazaar.PaymentCaptured.v1"}, {})]}, "b was paid 1 times"),
        ({"dead": [Seen(BOOKING, {"x-dlq-reason": "poison"}, {})]}, "dead letter b: poison"),
    ],
)
def test_the_examiner_notices(change: dict[str, object], complaint: str) -> None:
    found = dataclasses.replace(GOOD, **change).problems(LEDGER)  # type: ignore[arg-type]
    assert complaint in found
