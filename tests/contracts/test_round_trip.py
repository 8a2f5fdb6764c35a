"""Every message survives the wire, and looks there as it should."""

import json
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from contracts.commands import CreateBooking, Suggestion
from contracts.message import Message
from contracts.topics import TOPICS
from contracts.values import Contract
from contracts.wire import decode
from tests.contracts import examples

FIXTURES = Path(__file__).parent / "fixtures"
EVERY = [*examples.FULL, *map(examples.sparse, examples.FULL)]
CONTRACTS = {contract for topic in TOPICS for contract in topic.carries}


def names(data: Contract) -> str:
    return type(data).__name__


def test_every_message_has_an_example() -> None:
    assert {type(example) for example in examples.FULL} == CONTRACTS
    assert len(examples.FULL) == len(CONTRACTS) == 52


@pytest.mark.parametrize("data", EVERY, ids=names)
def test_a_message_comes_back_as_it_was_sent(data: Contract) -> None:
    sent = examples.message(data, correlation_id="co", causation_id="ca", causation_source="cs", aggregate_version=3)
    received = examples.record(sent).decoded()
    assert isinstance(received, Message)
    assert type(received.data) is type(data)
    assert received.data == data
    assert (received.id, received.source, received.subject) == (sent.id, sent.source, sent.subject)
    assert (received.time, received.actor, received.type) == (sent.time, sent.actor, sent.type)
    assert (received.correlation_id, received.causation_id) == ("co", "ca")
    assert (received.causation_source, received.aggregate_version) == ("cs", 3)


@pytest.mark.parametrize("data", EVERY, ids=names)
def test_the_value_holds_every_key_and_no_python_names(data: Contract) -> None:
    written = json.loads(examples.message(data).value())
    fields = type(data).model_fields
    assert set(written) == {field.serialization_alias or name for name, field in fields.items()}


@pytest.mark.parametrize("data", EVERY, ids=names)
def test_a_message_is_named_and_placed_by_its_class(data: Contract) -> None:
    made = examples.message(data)
    assert made.name == type(data).__name__
    assert made.type == f"sewabazaar.{made.name}.v1"
    assert type(data) in next(topic for topic in TOPICS if topic.name == made.topic).carries


def test_instants_money_and_hours_look_as_they_should() -> None:
    written = examples.message(examples.BY_NAME["CreateBooking"]).value().decode()
    assert '"booking_date":"2026-11-03T04:15:00Z"' in written
    assert '"total_amount":"1500.00","currency":"NPR"' in written
    assert "नल" in written
    policy = examples.message(examples.BY_NAME["GracePolicySet"]).value().decode()
    assert '"grace_hours":24,"quiet_hours":12.5' in policy
    leave = examples.message(examples.BY_NAME["ProviderLeaveSet"]).value().decode()
    assert '"from":"2026-11-03","to":"2026-11-05"' in leave


def test_headers_are_the_cloudevents_attributes_that_are_set() -> None:
    sent = examples.message(examples.BY_NAME["AcceptBooking"], traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    assert dict(sent.headers()) == {
        "ce_specversion": b"1.0",
        "ce_id": b"m-1",
        "ce_type": b"sewabazaar.AcceptBooking.v1",
        "ce_source": b"shop",
        "ce_subject": examples.BOOKING.encode(),
        "ce_time": b"2026-11-03T04:15:00Z",
        "ce_actor": str(examples.ADMIN).encode(),
        "ce_correlationid": b"m-1",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01".encode(),
        "content-type": b"application/json",
    }
    received = examples.record(sent).decoded()
    assert isinstance(received, Message)
    assert received.traceparent == sent.traceparent


def test_every_message_has_an_old_record_that_is_kept() -> None:
    kept = {path.name.split(".")[0] for path in FIXTURES.glob("*.json")}
    assert kept == {contract.__name__ for contract in CONTRACTS}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.name)
def test_old_records_still_parse(path: Path) -> None:
    old = json.loads(path.read_text())
    headers = [(name, text.encode()) for name, text in old["headers"].items()]
    received = decode(
        old["topic"],
        old["key"].encode(),
        headers,
        json.dumps(old["value"]).encode(),
        sources=examples.ANYONE,
        host_now=examples.HOST_NOW,
    )
    assert isinstance(received, Message)
    assert received.name == path.name.split(".")[0]
    understood = json.loads(received.value())
    assert {key: value for key, value in old["value"].items() if key in understood}.items() <= understood.items()


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)
amounts = st.decimals(min_value=0, max_value="99999999.99", places=2)
instants = st.datetimes(
    min_value=examples.START.replace(year=1900, tzinfo=None),
    max_value=examples.START.replace(year=8999, tzinfo=None),
    timezones=st.just(UTC),
)


@given(instants, amounts, text, st.integers(1, 10080), st.booleans(), st.integers(0, 10))
@settings(max_examples=200)
def test_any_legal_booking_comes_back_as_it_was_sent(
    start: object, amount: object, notes: str, minutes: int, flag: bool, photos: int
) -> None:
    facts = examples.FACTS | {"booking_date": start, "total_amount": amount, "notes": notes}
    facts |= {"duration_minutes": minutes, "prepaid": flag, "min_photos": photos}
    received = examples.record(examples.message(CreateBooking(**facts))).decoded()
    assert isinstance(received, Message)
    assert received.data == CreateBooking(**facts)


def test_a_suggestion_may_be_of_a_provider_whom_nobody_rated() -> None:
    assert Suggestion(**dict(examples.SUGGESTION) | {"rating": None}).rating is None
