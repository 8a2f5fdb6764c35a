"""A dead letter keeps the original whole, and says where it stood and why nobody could act on it."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.values import parse_instant
from services.runtime.deadletters import dead_letter
from services.runtime.outcomes import Burial, Record

RECORD = Record(
    "booking.commands.v1", 7, 42, 1_780_000_000_123, b"\xffkey", b"{not json", (("ce_id", b"m-1"), ("odd", None), ("ce_id", b"\xff\xfe"))
)
BURIAL = Burial("bad-json", "Expecting value", attempts=3)


def added(record: Record = RECORD, burial: Burial = BURIAL, group: str = "booking.commands") -> dict[str, str]:
    """The headers that were added to the original's, as text."""
    letter = dead_letter(record, burial, group)
    assert list(letter.headers[: len(record.headers)]) == list(record.headers)
    return {name: (value or b"").decode() for name, value in letter.headers[len(record.headers) :]}


@pytest.mark.parametrize("key", [b"\xffkey", b"", None])
@pytest.mark.parametrize("value", [b"{not json", b"\x00\xff", b"", None])
def test_key_value_and_headers_of_the_original_are_kept_as_they_were(key: bytes | None, value: bytes | None) -> None:
    record = replace(RECORD, key=key, value=value)
    letter = dead_letter(record, BURIAL, "booking.commands")
    assert (letter.topic, letter.key, letter.value) == ("dead-letters.v1", key, value)
    assert tuple(letter.headers[:3]) == record.headers


def test_the_reason_and_the_origin_are_added() -> None:
    headers = added()
    assert headers.pop("x-dlq-id")
    assert datetime.now(UTC) - parse_instant(headers.pop("x-dlq-at")) < timedelta(minutes=1)
    assert headers == {
        "x-dlq-reason": "bad-json",
        "x-dlq-error": "Expecting value",
        "x-dlq-attempts": "3",
        "x-src-topic": "booking.commands.v1",
        "x-src-partition": "7",
        "x-src-offset": "42",
        "x-src-timestamp": "1780000000123",
        "x-consumer-group": "booking.commands",
    }


def test_burying_the_same_record_again_gives_the_same_id() -> None:
    assert added()["x-dlq-id"] == added(burial=Burial("poison", "other"))["x-dlq-id"]


@pytest.mark.parametrize("other", [replace(RECORD, topic="payment.events.v1"), replace(RECORD, partition=8), replace(RECORD, offset=43)])
def test_every_place_and_group_has_an_id_of_its_own(other: Record) -> None:
    assert len({added()["x-dlq-id"], added(other)["x-dlq-id"], added(group="expiry.events")["x-dlq-id"]}) == 3


def test_a_value_of_exactly_the_limit_is_kept_whole() -> None:
    largest = replace(RECORD, value=b"x" * 64 * 1024)
    assert dead_letter(largest, BURIAL, "g").value == largest.value
    assert "x-dlq-size" not in added(largest)


def test_a_value_over_the_limit_is_cut_and_its_size_and_digest_are_kept() -> None:
    value = bytes(range(256)) * 256 + b"x"
    letter, headers = dead_letter(replace(RECORD, value=value), BURIAL, "g"), added(replace(RECORD, value=value))
    assert letter.value == value[:1024]
    assert headers["x-dlq-size"] == "65537"
    assert headers["x-dlq-sha256"] == hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize("error", ["é" * 5000, "half a pair: \ud800", ""])
def test_any_error_text_can_be_carried(error: str) -> None:
    told = added(burial=Burial("poison", error))["x-dlq-error"]
    assert len(told) <= 1000
    assert told == error[:1000].replace("\ud800", "?")
