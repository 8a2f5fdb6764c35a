"""Lines of CloudEvents JSON become records that a reader understands, or are refused with the reader's reason."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from contracts.cloudevents import Outgoing, parse_line
from contracts.message import Message
from contracts.topics import TOPICS
from contracts.wire import Sources, Unreadable, decode
from tests.contracts import examples


def event(name: str = "CreateBooking", **changes: Any) -> dict[str, Any]:
    made = examples.message(examples.BY_NAME[name])
    return {
        "specversion": "1.0",
        "id": made.id,
        "source": made.source,
        "type": made.type,
        "subject": made.subject,
        "time": "2026-11-03T04:15:00Z",
        "actor": str(made.actor),
        "data": json.loads(made.value()),
        **changes,
    }


def parsed(line: Any, *, validate: bool = True, sources: Sources = examples.ANYONE) -> Outgoing:
    text = line if isinstance(line, str | bytes) else json.dumps(line)
    return parse_line(text, sources=sources, host_now=examples.HOST_NOW, validate=validate)


def refusal(line: Any, *, validate: bool = True) -> tuple[str, str]:
    with pytest.raises(Unreadable) as caught:
        parsed(line, validate=validate)
    return caught.value.reason, caught.value.error


OPEN = [contract.__name__ for topic in TOPICS if topic.open for contract in topic.carries]
CLOSED = [contract.__name__ for topic in TOPICS if not topic.open for contract in topic.carries]
OURS = {"ExpireBooking", "SuggestRebooking"}


@pytest.mark.parametrize("name", OPEN)
def test_a_line_becomes_the_record_that_its_sender_would_make(name: str) -> None:
    made = examples.message(examples.BY_NAME[name])
    sent = parsed(event(name))
    received = decode(sent.topic, sent.key, sent.headers, sent.value, sources=examples.ANYONE, host_now=examples.HOST_NOW)
    assert isinstance(received, Message)
    assert (sent.topic, sent.key) == (made.topic, made.key())
    assert received.data == made.data
    assert dict(sent.headers).items() <= dict(made.headers()).items()


@pytest.mark.parametrize("name", CLOSED)
def test_what_only_our_services_say_has_no_topic_here(name: str) -> None:
    assert refusal(event(name))[0] == "unknown-type"
    assert refusal(event(name), validate=False)[0] == "unknown-type"


def test_optional_attributes_become_headers() -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    sent = parsed(event(correlationid="co", causationid="ca", causationsource="cs", aggregateversion=7, traceparent=trace))
    headers = dict(sent.headers)
    assert (headers["ce_correlationid"], headers["ce_causationid"]) == (b"co", b"ca")
    assert (headers["ce_causationsource"], headers["ce_aggregateversion"]) == (b"cs", b"7")
    assert (headers["traceparent"], headers["content-type"]) == (trace.encode(), b"application/json")
    typed = parsed(event(datacontenttype="application/json; charset=utf-8", dataschema="urn:x"))
    assert dict(typed.headers)["content-type"] == b"application/json; charset=utf-8"


def test_null_data_of_the_directory_is_a_tombstone() -> None:
    sent = parsed(event("PersonErased", data=None))
    assert (sent.topic, sent.value) == ("directory.events.v1", None)
    assert sent.key == f"person:{examples.CUSTOMER}".encode()


def test_data_may_be_as_deep_in_a_line_as_in_a_record() -> None:
    deep = json.loads("[" * 63 + "]" * 63)
    assert parsed(event("AcceptBooking", data={"later": deep})).value
    assert refusal(event("AcceptBooking", data={"later": [deep]}))[0] == "too-deep"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in event().items() if key != name}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "bad-json"),
        ("nonsense", "bad-json"),
        ('{"id": "1", "id": "2"}', "bad-json"),
        ('{"id": NaN}', "bad-json"),
        ("[" * 1000, "too-deep"),
        (b'{"id": "\xff"}', "bad-encoding"),
        ('{"id": "\ud800"}', "bad-encoding"),
        ("[]", "schema"),
        (without("type"), "schema"),
        (without("id"), "schema"),
        (without("data"), "schema"),
        (without("subject"), "missing-key"),
        (event(id=5), "schema"),
        (event(time="2026-11-03T04:15:00"), "schema"),
        (event(time=None), "schema"),
        (event(aggregateversion=True), "schema"),
        (event(type=7), "schema"),
        (event(type="CreateBooking"), "schema"),
        (event(type="sewabazaar.InventBooking.v1"), "unknown-type"),
        (event(type="sewabazaar.CreateBooking.v2"), "unknown-version"),
        (event(actor="system:expiry"), "actor-not-allowed"),
        (event(subject="booking-1"), "bad-id"),
        (event(data=None), "null-value"),
        (event(data={}), "schema"),
        (event(data={"notes": "x" * 70000}), "too-large"),
        (event("GracePolicySet", subject="cleaning"), "schema"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_line_that_a_reader_would_bury_is_refused_with_its_reason(line: Any, reason: str) -> None:
    assert refusal(line)[0] == reason


@pytest.mark.parametrize(
    "line",
    [
        without("id"),
        without("actor"),
        event(id=5, time=None, subject="booking-1"),
        event(type="sewabazaar.CreateBooking.v9"),
        event(actor="system:expiry"),
        event(data={"notes": "\ud800", "more": float("nan")}),
        event(data=[]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_without_validation_whatever_names_a_topic_is_sent(line: Any) -> None:
    assert refusal(line)
    sent = parsed(line, validate=False)
    assert sent.topic == "booking.commands.v1"
    assert sent.value is not None


def test_without_validation_a_missing_subject_is_a_missing_key() -> None:
    sent = parsed(without("subject"), validate=False)
    assert (sent.key, dict(sent.headers).get("ce_subject")) == (None, None)


@pytest.mark.parametrize("line", ["", "nonsense", "[]", "{}", "[" * 100_000, '{"type": "x"}'])
def test_without_validation_what_names_no_topic_is_still_refused(line: str) -> None:
    assert refusal(line, validate=False)[0] in {"bad-json", "schema"}


@given(st.text() | st.binary())
def test_noise_is_unreadable_and_nothing_worse(line: str | bytes) -> None:
    refusal(line)
    refusal(line, validate=False)


@pytest.mark.parametrize(
    "data", ['{"a":1,"a":2}', '{"a": NaN}', "[1, 2]", '"text }"', '{"d":{"data":3}}', r'{"a":"\ud800"}', r'{"a":"\u0000"}', '{"n":"é"}']
)
def test_without_validation_the_data_arrives_as_it_was_written(data: str) -> None:
    line = f'{{"type": "sewabazaar.AcceptBooking.v1", "data" : {data} , "subject":"x"}}'
    for text in (line, f"  {line}\n", line.encode()):
        assert parsed(text, validate=False).value == data.encode()


def test_without_validation_the_last_of_two_data_counts() -> None:
    assert parsed('{"type": "sewabazaar.AcceptBooking.v1", "data": 1, "data": {"b": 2}}', validate=False).value == b'{"b": 2}'
