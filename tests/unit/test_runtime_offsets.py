"""What a poll brings: cleaned copies for the library, the records as they came for us, first and last offsets."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given, strategies as st

from services.runtime.consumer import as_record, clean, first_offsets, last_offsets
from services.runtime.outcomes import Record

places = st.tuples(st.sampled_from(["booking.commands.v1", "payment.events.v1"]), st.integers(0, 3), st.integers(0, 1000))


def raw(topic: str = "booking.commands.v1", partition: int = 0, offset: int = 0, headers: Any = ()) -> Any:
    """A record as the client hands it over."""
    return ConsumerRecord(topic, partition, offset, 1_780_000_000_123, 0, b"key", b"value", None, 3, 5, headers)


@pytest.mark.parametrize(
    ("header", "cleaned"),
    [
        (("ce_id", b"m-1"), ("ce_id", b"m-1")),
        (("ce_id", "नल".encode()), ("ce_id", "नल".encode())),
        (("ce_id", None), ("ce_id", b"")),
        (("ce_id", b"\xff\xfea"), ("ce_id", "��a".encode())),
    ],
)
def test_headers_are_cleaned_in_the_copy_only(header: tuple[str, Any], cleaned: tuple[str, bytes]) -> None:
    record = raw(headers=(header, ("x", b"y")))
    assert clean(record).headers == (cleaned, ("x", b"y"))
    assert record.headers == (header, ("x", b"y"))
    assert (clean(record).offset, clean(record).key, clean(record).value) == (0, b"key", b"value")


@given(st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_any_cleaned_header_is_utf8(headers: list[tuple[str, bytes | None]]) -> None:
    for _, value in clean(raw(headers=tuple(headers))).headers:
        value.decode()


@given(st.lists(places, min_size=1))
def test_the_lowest_and_the_highest_offset_of_each_partition_count(places: list[tuple[str, int, int]]) -> None:
    records = [raw(*place) for place in places]
    expected: dict[TopicPartition, list[int]] = {}
    for topic, partition, offset in places:
        expected.setdefault(TopicPartition(topic, partition), []).append(offset)
    assert first_offsets(records) == {partition: min(offsets) for partition, offsets in expected.items()}
    assert last_offsets(records) == {partition: max(offsets) for partition, offsets in expected.items()}


def test_a_record_of_ours_has_all_that_the_clients_had() -> None:
    headers = [("ce_id", b"m-1"), ("odd", None)]
    ours = Record("booking.commands.v1", 2, 9, 1_780_000_000_123, b"key", b"value", tuple(headers))
    assert as_record(raw(partition=2, offset=9, headers=headers)) == ours
