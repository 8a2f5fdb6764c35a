"""Records that must not be understood, those that only look like it, and that nothing else than Unreadable comes out."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from contracts.deadletters import HEADERS_LIMIT, VALUE_LIMIT
from contracts.message import Message
from contracts.wire import Tombstone, Unreadable, decode
from tests.contracts import examples
from tests.contracts.examples import Record


def good(name: str = "CreateBooking") -> Record:
    return examples.record(examples.message(examples.BY_NAME[name]))


def changed(name: str, /, **fields: Any) -> Record:
    record = good(name)
    return record.with_value(json.dumps({**json.loads(record.value or b""), **fields}).encode())


def refusal(record: Record) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        record.decoded()
    return caught.value


HEADERS: list[tuple[str, bytes | None]] = [
    *((name, None) for name in ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_actor")),
    *((name, None) for name in ("content-type", "ce_dataschema", "ce_correlationid", "ce_causationid")),
    ("ce_specversion", b"0.3"),
    ("ce_specversion", b"1"),
    ("ce_id", b""),
    ("ce_id", b"x" * 201),
    ("ce_id", b"\xff\xfe"),
    ("ce_id", b"a\0b"),
    ("ce_id", b"\xed\xa0\x80"),
    ("ce_source", b""),
    ("ce_source", b"x" * 201),
    ("ce_subject", b""),
    ("ce_type", b"CreateBooking"),
    ("ce_type", b"com.example.CreateBooking.v1"),
    ("ce_type", b"sewabazaar.CreateBooking"),
    ("ce_type", b"sewabazaar.CreateBooking.vOne"),
    ("ce_type", b"sewabazaar.CreateBooking.v1\n"),
    ("ce_time", b"2026-11-03T04:15:00"),
    ("ce_time", b"2026-11-03T04:15:00+05:45"),
    ("ce_time", b"2026-11-03"),
    ("ce_time", b"yesterday"),
    ("ce_time", b"2026-02-30T00:00:00Z"),
    ("ce_actor", b"customer"),
    ("ce_actor", b"customer:"),
    ("ce_actor", b"customer:sita"),
    ("ce_actor", b"customer:11111111-1111-4111-8111-11111111111A"),
    ("ce_actor", b"root:1"),
    ("ce_actor", b"system:"),
    ("ce_aggregateversion", b"0"),
    ("ce_aggregateversion", b"1.0"),
    ("ce_aggregateversion", "१".encode()),
    ("content-type", b"text/plain"),
    ("content-type", b"application/jsonx"),
    ("ce_dataschema", b""),
    ("ce_correlationid", b"x" * 201),
]


@pytest.mark.parametrize(("name", "value"), HEADERS)
def test_a_malformed_header_is_schema_and_is_named(name: str, value: bytes | None) -> None:
    problem = refusal(good().with_header(name, value))
    assert problem.reason == "schema"
    assert problem.error.startswith(name)


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_actor"])
def test_a_required_header_may_not_be_missing(name: str) -> None:
    problem = refusal(good().without_header(name))
    assert (problem.reason, problem.error) == ("schema", f"{name}: missing")


def test_a_header_given_twice_is_malformed() -> None:
    record = good()
    twice = replace(record, headers=(*record.headers, ("ce_id", b"m-1")))
    assert (refusal(twice).reason, refusal(twice).error) == ("schema", "ce_id: given twice")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-anything", None),
        ("x-anything", b"\xff\xff"),
        ("ce_unheardof", None),
        ("traceparent", b"nonsense"),
        ("traceparent", None),
        ("content-type", b"application/json; charset=utf-8"),
        ("content-type", b"Application/JSON"),
        ("ce_dataschema", b"urn:" + b"x" * 500),
        ("ce_aggregateversion", b"17"),
        ("ce_id", "अ".encode() * 200),
        ("ce_time", b"2026-11-03T04:15:00.123456789Z"),
    ],
)
def test_a_header_that_is_fine_or_unknown_does_no_harm(name: str, value: bytes | None) -> None:
    assert isinstance(good().with_header(name, value).decoded(), Message)


def test_content_type_and_correlation_may_be_absent() -> None:
    received = good().without_header("content-type").without_header("ce_correlationid").decoded()
    assert isinstance(received, Message)
    assert received.correlation_id == received.id == "m-1"


BODIES: list[tuple[str, bytes]] = [
    ("bad-encoding", b'{"a": "\xff"}'),
    ("bad-encoding", b"\xef\xbb\xbf{}"),
    ("bad-encoding", "{}".encode("utf-16")),
    ("bad-encoding", b'{"a": "\0"}'),
    ("bad-encoding", rb'{"a": "\u0000"}'),
    ("bad-encoding", rb'{"a": "\\\u0000"}'),
    ("bad-encoding", rb'{"a": "\ud800"}'),
    ("bad-encoding", rb'{"a": "\uDFFF"}'),
    ("bad-encoding", rb'{"a": "\ude00\ud83d"}'),
    ("bad-encoding", rb'{"a": "\ud83d\ud83d\ude00"}'),
    ("bad-encoding", rb'{"a": "\ud83dx\ude00"}'),
    ("bad-encoding", rb'{"\udc00": 1}'),
    ("bad-encoding", b'{"a": "\xed\xa0\x80"}'),
    ("too-deep", b"[" * 65 + b"]" * 65),
    ("too-deep", b'{"a":' * 65 + b"1" + b"}" * 65),
    ("too-deep", b"[" * 60000),
    ("bad-json", b""),
    ("bad-json", b" "),
    ("bad-json", b"{"),
    ("bad-json", b"{} {}"),
    ("bad-json", b"{'a': 1}"),
    ("bad-json", b'{"a": 1,}'),
    ("bad-json", b'{"a": NaN}'),
    ("bad-json", b'{"a": Infinity}'),
    ("bad-json", b'{"a": -Infinity}'),
    ("bad-json", b'{"a": 1e999}'),
    ("bad-json", b'{"a": ' + b"9" * 5000 + b"}"),
    ("bad-json", b'{"a": 1, "a": 1}'),
    ("bad-json", rb'{"a": 1, "\u0061": 1}'),
    ("bad-json", b'{"a": [{"b": {"c": 1, "c": 2}}]}'),
    ("bad-json", b'{"a": "\n"}'),
    ("bad-json", rb'{"a": "\ud8"}'),
    ("bad-json", rb'{"a": "\x00"}'),
    ("bad-json", b'{"a": "\\'),
    ("schema", b"[]"),
    ("schema", b"null"),
    ("schema", b'"text"'),
    ("schema", b"1"),
    ("schema", b"{}"),
    ("schema", b"[" * 64 + b"]" * 64),
    ("schema", b'{"a": "' + b"[" * 1000 + b'"}'),
    ("schema", rb'{"a": "\"' + b"[" * 1000 + b'"}'),
    ("too-large", b'"' + b"x" * (VALUE_LIMIT - 1) + b'"'),
]


@pytest.mark.parametrize(("reason", "value"), BODIES, ids=lambda value: repr(value)[:40])
def test_a_bad_body_has_its_reason(reason: str, value: bytes) -> None:
    assert refusal(good().with_value(value)).reason == reason


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "😀", "\x1f", "a\\", '"[[[['])
def test_text_that_only_looks_bad_is_kept(text: str) -> None:
    value = good("EditNotes").value
    assert value is not None
    for ascii_only in (True, False):
        received = good("EditNotes").with_value(json.dumps({"notes": text}, ensure_ascii=ascii_only).encode()).decoded()
        assert isinstance(received, Message)
        assert json.loads(received.value())["notes"] == text


def test_the_limits_themselves_are_legal() -> None:
    padded = good("AcceptBooking").with_value(b"{}" + b" " * (VALUE_LIMIT - 2))
    size = sum(len(name) + len(value or b"") for name, value in padded.headers)
    padded = padded.with_header("x-fill", b"x" * (HEADERS_LIMIT - size - len("x-fill")))
    assert isinstance(padded.decoded(), Message)
    assert isinstance(changed("AcceptBooking", more=json.loads("[" * 63 + "]" * 63)).decoded(), Message)
    assert refusal(padded.with_value((padded.value or b"") + b" ")).reason == "too-large"
    assert refusal(padded.with_header("x", b"")).reason == "too-large"


ENDS_BEFORE_IT_BEGINS = {**examples.SUGGESTION.model_dump(mode="json"), "ends_at": "2026-11-03T04:15:00Z"}
FIELDS: list[tuple[str, str, object]] = [
    ("CreateBooking", "booking_date", "2026-11-03T04:15:00"),
    ("CreateBooking", "booking_date", "2026-11-03T04:15:00+05:45"),
    ("CreateBooking", "booking_date", "2026-11-03 04:15:00Z"),
    ("CreateBooking", "booking_date", "2026-11-03T04:15Z"),
    ("CreateBooking", "booking_date", "9999-12-31T23:59:59Z"),
    ("CreateBooking", "booking_date", "1793679300"),
    ("CreateBooking", "booking_date", 1793679300),
    ("CreateBooking", "booking_date", None),
    ("CreateBooking", "duration_minutes", 0),
    ("CreateBooking", "duration_minutes", 10081),
    ("CreateBooking", "duration_minutes", "60"),
    ("CreateBooking", "duration_minutes", 60.0),
    ("CreateBooking", "duration_minutes", True),
    ("CreateBooking", "total_amount", 1500),
    ("CreateBooking", "total_amount", 1500.00),
    ("CreateBooking", "total_amount", "1500"),
    ("CreateBooking", "total_amount", "1500.0"),
    ("CreateBooking", "total_amount", "1500.000"),
    ("CreateBooking", "total_amount", "-1.00"),
    ("CreateBooking", "total_amount", "100000000.00"),
    ("CreateBooking", "total_amount", "1e3"),
    ("CreateBooking", "total_amount", "१.००"),
    ("CreateBooking", "total_amount", "01.00"),
    ("CreateBooking", "total_amount", "NaN"),
    ("CreateBooking", "total_amount", "1.00\n"),
    ("CreateBooking", "currency", "npr"),
    ("CreateBooking", "currency", "NPRS"),
    ("CreateBooking", "currency", None),
    ("CreateBooking", "customer", "sita"),
    ("CreateBooking", "category", "x" * 51),
    ("CreateBooking", "category", ""),
    ("CreateBooking", "category", "two words"),
    ("CreateBooking", "min_photos", 11),
    ("CreateBooking", "min_photos", -1),
    ("CreateBooking", "prepaid", "true"),
    ("CreateBooking", "prepaid", 1),
    ("CreateBooking", "notes", "x" * 2001),
    ("CreateBooking", "expected_version", 0),
    ("CreateBooking", "expected_version", 2**31),
    ("CancelBooking", "reason", "x" * 501),
    ("DeclineBooking", "reason", 5),
    ("EditNotes", "notes", None),
    ("DeliverService", "photos", None),
    ("DeliverService", "photos", [dict(examples.PHOTO)] * 2),
    ("DeliverService", "photos", [dict(examples.PHOTO, sha256=f"{n:064x}") for n in range(11)]),
    ("DeliverService", "photos", [dict(examples.PHOTO, sha256="A1" * 32)]),
    ("DeliverService", "photos", [dict(examples.PHOTO, url="javascript:alert(1)")]),
    ("DeliverService", "photos", [dict(examples.PHOTO, content_type="text/html")]),
    ("ConfirmDelivery", "rating", 6),
    ("ConfirmDelivery", "rating", 4.5),
    ("DisputeDelivery", "reason", ""),
    ("MarkNoShow", "who", "admin"),
    ("ReviewBooking", "rating", None),
    ("ReviewBooking", "text", "x" * 2001),
    ("SuggestRebooking", "suggestions", [{"kind": "any"}]),
    ("SuggestRebooking", "suggestions", [ENDS_BEFORE_IT_BEGINS]),
    ("ExpireBooking", "expected_version", None),
    ("ExpireBooking", "evidence", {}),
    ("MaintenanceCancel", "reason", "too short"),
    ("MaintenanceCancel", "reason", "x" * 501),
    ("OverrideBooking", "target", "created"),
    ("OverrideBooking", "target", "service_delivered"),
    ("BookingAccepted", "status", "accepted"),
    ("BookingCancelled", "cancellation_reason", "bored"),
    ("BookingCancelled", "cancelled_by", "nobody"),
    ("CommandRejected", "code", "no-reason"),
    ("GracePolicySet", "grace_hours", 0),
    ("GracePolicySet", "grace_hours", 8760.5),
    ("GracePolicySet", "grace_hours", "24"),
    ("GracePolicySet", "timezone", "Nepal/Nowhere"),
    ("GracePolicySet", "timezone", "../etc/passwd"),
    ("GracePolicySet", "adjust", "skip"),
    ("GracePolicySet", "cancel_fee_percent", 101),
    ("GracePolicySet", "policy_version", 0),
    ("CalendarPublished", "years", [2030, 2014]),
    ("CalendarPublished", "holidays", [{"date": "2026-1-1", "name": "x"}]),
    ("CalendarPublished", "holidays", [{"date": "86400", "name": "x"}]),
    ("CalendarPublished", "holidays", [{"date": "20260101", "name": "x"}]),
    ("CalendarPublished", "holidays", [{"date": "2026-02-30", "name": "x"}]),
    ("CalendarPublished", "weekends", [{"from_": "2026-01-01", "days": ["sat"]}]),
    ("PaymentCaptured", "gateway_reference", ""),
    ("PaymentFailed", "stage", "void"),
    ("PersonUpserted", "name", "Sita\r\nBcc: x"),
    ("PersonUpserted", "email", "sita"),
    ("PersonUpserted", "language", "fr"),
    ("ProviderHoursSet", "weekly", {"sun": [["17:00", "09:00"]]}),
    ("ProviderHoursSet", "weekly", {"sun": [["09:00", "12:00"], ["11:00", "13:00"]]}),
    ("ProviderHoursSet", "weekly", {"sun": [["9:00", "12:00"]]}),
    ("ProviderLeaveSet", "to", "2026-11-03"),
    ("NotificationSent", "recipient", "sita@example.com"),
    ("LapseReminderDue", "hours_before", 0),
]


@pytest.mark.parametrize(("name", "field", "value"), FIELDS, ids=lambda value: repr(value)[:40])
def test_a_bad_field_is_schema_and_is_named(name: str, field: str, value: object) -> None:
    problem = refusal(changed(name, **{field: value}))
    assert problem.reason == "schema"
    assert field in problem.error or problem.error.startswith(("data: ", "photos"))


def test_the_error_says_what_is_wrong_and_not_what_was_sent() -> None:
    problem = refusal(changed("CreateBooking", booking_date="2026-11-03T04:15:00", notes=["Sita Rai"]))
    assert problem.error == "booking_date: Input should have timezone info; notes: Input should be a valid string"


def test_a_long_error_is_cut() -> None:
    problem = refusal(changed("DeliverService", photos=[{} for _ in range(10)]))
    assert len(problem.error) == 1000
    assert problem.error.endswith("…")


@pytest.mark.parametrize(
    ("topic", "type_", "reason"),
    [
        ("booking.commands.v1", "BookingCreated.v1", "unknown-type"),
        ("booking.commands.v1", "createbooking.v1", "unknown-type"),
        ("booking.commands.v1", "CreateBooking.v0", "unknown-version"),
        ("booking.commands.v1", "CreateBooking.v01", "unknown-version"),
        ("booking.commands.v1", "CreateBooking.v" + "9" * 150, "unknown-version"),
        ("booking.events.v1", "CreateBooking.v1", "unknown-type"),
        ("dead-letters.v1", "CreateBooking.v1", "unknown-type"),
    ],
)
def test_a_type_belongs_to_its_topic(topic: str, type_: str, reason: str) -> None:
    record = replace(good(), topic=topic).with_header("ce_type", f"sewabazaar.{type_}".encode())
    assert refusal(record).reason == reason


@pytest.mark.parametrize("name", ["GracePolicySet", "PersonUpserted", "ProviderHoursSet", "ScanHeld"])
def test_a_message_travels_under_the_key_its_data_names(name: str) -> None:
    problem = refusal(replace(good(name).with_header("ce_subject", b"person:other"), key=b"person:other"))
    assert (problem.reason, problem.error[:10]) == ("schema", "ce_subject")


def test_unknown_fields_are_ignored_but_count_in_the_hash() -> None:
    plain, more = good("AcceptBooking").decoded(), changed("AcceptBooking", later={"x": 1}).decoded()
    assert isinstance(plain, Message)
    assert isinstance(more, Message)
    assert plain.data == more.data
    assert plain.payload_hash != more.payload_hash


def test_an_empty_key_is_a_missing_one() -> None:
    assert refusal(replace(good(), key=b"")).reason == "missing-key"


def test_as_deep_as_the_limit_is_legal_among_many_brackets() -> None:
    wide = json.loads("[[],[],[]," + "[" * 62 + "]" * 62 + "]")
    assert isinstance(changed("AcceptBooking", more=wide).decoded(), Message)
    assert refusal(changed("AcceptBooking", more=[wide])).reason == "too-deep"


def test_a_visit_may_end_after_the_last_instant_that_it_may_begin_at() -> None:
    assert isinstance(changed("BookingAccepted", booking_date="8999-12-31T23:59:59Z", ends_at="9000-01-07T23:59:59Z").decoded(), Message)
    assert refusal(changed("BookingAccepted", booking_date="9000-01-01T00:00:00Z")).reason == "schema"
    assert refusal(changed("BookingAccepted", ends_at="9000-01-08T00:00:00Z")).reason == "schema"


def test_a_null_value_erases_on_the_compacted_topic_only() -> None:
    erased = decode("directory.events.v1", b"person:1", [], None, sources=examples.ANYONE, host_now=examples.HOST_NOW)
    assert erased == Tombstone("directory.events.v1", b"person:1")
    assert isinstance(erased, Tombstone)
    assert erased.subject == "person:1"
    nameless = Record("directory.events.v1", None, (), None)
    assert refusal(nameless).reason == "missing-key"
    assert refusal(replace(nameless, key=b"\xff")).reason == "key-mismatch"
    assert refusal(replace(nameless, topic="policy.events.v1", key=b"*")).reason == "null-value"


@pytest.mark.parametrize(
    "subject",
    [
        str(UUID(int=1)),
        examples.BOOKING.upper(),
        examples.BOOKING.replace("-", ""),
        "{" + examples.BOOKING + "}",
        "019a3c00-0000-4000-8000-000000000001",
        "019a3c00-0000-7000-c000-000000000001",
        "00000000-0001-7000-8000-000000000001",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "booking-1",
    ],
)
def test_a_subject_that_is_no_booking_id_is_bad_id(subject: str) -> None:
    record = replace(good().with_header("ce_subject", subject.encode()), key=subject.encode())
    assert refusal(record).reason == "bad-id"


known = st.sampled_from(["ce_id", "ce_type", "ce_time", "content-type", "traceparent", "other"])
nullable = st.none() | st.binary(max_size=40)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
anything = st.recursive(scalars | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20)


@given(st.binary(max_size=200), nullable, st.lists(st.tuples(known, nullable)))
@settings(max_examples=300)
def test_noise_is_unreadable_and_nothing_worse(value: bytes, key: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
    assert refusal(Record("booking.commands.v1", key, tuple(headers), value)).reason


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_noise_in_the_body_is_unreadable_and_nothing_worse(value: bytes) -> None:
    assert refusal(good().with_value(value)).reason in {"bad-encoding", "bad-json", "schema"}


@given(anything, st.booleans())
@settings(max_examples=300)
def test_any_json_in_an_unknown_field_is_let_through(value: object, ascii_only: bool) -> None:
    body = json.dumps({"later": value}, ensure_ascii=ascii_only).encode()
    assert isinstance(good("AcceptBooking").with_value(body).decoded(), Message)
