"""How the events of a booking are told."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from contracts.events import EVENTS
from services.booking.timeline import Entry, _entries
from services.cli.telling import WORDS, in_words, notable
from tests.builders import BOOKING, CUSTOMER, EXPIRY, NOW, evidence

KATHMANDU = ZoneInfo("Asia/Kathmandu")


def entry(source: str = "shop", **data: Any) -> Entry:
    return Entry(3, BOOKING, "BookingCancelled", NOW, CUSTOMER, "m-1", source, "pending", "cancelled", data)


def row(version: int, status: str) -> Any:
    payload = f'{{"status": "{status}", "notes": "n"}}'
    return SimpleNamespace(
        version=version, event_id=UUID(int=version), type="X", at=NOW, actor=str(EXPIRY), cause_id="m", cause_source="shop", payload=payload
    )


def told(**data: Any) -> list[str]:
    return list(notable(data, KATHMANDU))


def test_every_event_has_words() -> None:
    assert WORDS.keys() == {event.__name__ for event in EVENTS}
    assert in_words("SomethingNew") == "SomethingNew"


def test_each_event_begins_where_the_one_before_has_ended() -> None:
    entries = _entries([row(1, "created"), row(2, "pending"), row(3, "pending")])
    assert [(e.from_status, e.to_status) for e in entries] == [(None, "created"), ("created", "pending"), ("pending", "pending")]
    assert entries[0].data == {"notes": "n"}


@pytest.mark.parametrize(
    ("source", "via"), [("shop", "kafka"), ("sewabazaar/expiry", "system"), ("sewabazaar/api", "http"), ("sewabazaarer", "kafka")]
)
def test_the_door_is_known_by_the_source_of_the_cause(source: str, via: str) -> None:
    assert entry(source).via == via


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, None),
        ({"reason": "no water"}, "no water"),
        ({"cancellation_reason": "customer", "cancellation_note": "ill"}, "ill"),
        ({"cancellation_reason": "expired", "cancellation_note": None}, "expired"),
    ],
)
def test_the_reason_is_what_was_written_else_the_code(data: dict[str, Any], reason: str | None) -> None:
    assert entry(**data).reason == reason


def test_an_entry_is_what_the_api_answers() -> None:
    shown = entry(cancellation_reason="customer").as_json()
    assert shown.pop("actor") == {"role": "customer", "id": CUSTOMER.id, "name": None}
    assert shown.pop("data") == {"cancellation_reason": "customer"}
    assert {
        **shown,
        "cause": "m-1",
        "via": "kafka",
        "at": "2026-11-20T06:00:00Z",
        "from_status": "pending",
        "to_status": "cancelled",
    } == shown
    assert shown.keys() == {"version", "event_id", "type", "at", "cause", "via", "reason", "from_status", "to_status"}


def test_amounts_have_their_currency_and_instants_are_local() -> None:
    assert told(total_amount="1500.00", currency="NPR", booking_date="2026-11-19T05:00:00Z") == [
        "total amount 1,500.00 NPR",
        "booking date Thu 19 Nov 2026 10:45:00",
    ]


def test_what_is_empty_or_said_already_is_left_out() -> None:
    assert told(notes="", photos=[], auto_cancelled=False, evidence=None, cancelled_at="2026-11-19T05:00:00Z", prepaid=True) == ["prepaid"]


def test_suggestions_are_counted_and_a_former_time_is_told() -> None:
    assert told(suggestions=[{}, {}, {}], previous={"booking_date": "2026-11-19T05:00:00Z", "duration_minutes": 60}) == [
        "suggestions 3",
        "previous (booking date Thu 19 Nov 2026 10:45:00, duration minutes 60)",
    ]


def test_a_deadline_is_told_with_what_it_was_computed_from() -> None:
    shown = told(evidence=evidence().model_dump(mode="json"))
    assert shown == ["evidence (booking date Thu 19 Nov 2026 10:45:00 + 24 h, policy 0)"]


def test_an_amount_of_a_payment_without_currency_is_only_a_number() -> None:
    assert told(captured="0.50", rating=5, at=datetime(2026, 1, 1, tzinfo=UTC).isoformat()) == [
        "captured 0.50",
        "rating 5",
        "at 2026-01-01T00:00:00+00:00",
    ]
