"""Header names that are no text: every record is read, once, with all that is in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException

from services.runtime.headernames import Batches
from services.runtime.outcomes import Record
from tests.odd_names import Name, batch_of

PLAIN, GZIP, LZ4 = 0, 1, 3
READ_COMMITTED = 1
GOOD, BAD, CUT = Name("ce_पहिचान".encode()), Name(b"\xff\xfe"), Name("क".encode()[:2])


def batch(*names: Name, compression: int = PLAIN) -> bytes:
    """A batch with a record for each header name."""
    headers = [((GOOD, b"\x80"), (name, None)) for name in names]
    return batch_of([Record("t", 0, i, 0, b"k%d" % i, b"\xff" * 300, pair) for i, pair in enumerate(headers)], compression)


def read(data: bytes) -> Iterator[Any]:
    """What a consumer gets of a fetch."""
    place = TopicPartition("t", 0)
    records: Iterator[Any] = PartitionRecords(place, Batches(data), [], 0, None, None, check_crcs=True, isolation_level=READ_COMMITTED)
    return records


@pytest.mark.parametrize("compression", [PLAIN, GZIP, LZ4])
@pytest.mark.parametrize("names", [(GOOD,), (BAD,), (GOOD, CUT, GOOD), (BAD, BAD), (GOOD, GOOD, CUT)])
def test_every_record_is_read_once_and_whole(names: tuple[Name, ...], compression: int) -> None:
    found = list(read(batch(*names, compression=compression)))
    assert [(r.offset, r.key, r.value) for r in found] == [(i, b"k%d" % i, b"\xff" * 300) for i in range(len(names))]
    assert [r.headers for r in found] == [(("ce_पहिचान", b"\x80"), (str(name), None)) for name in names]


def test_the_batches_of_a_fetch_are_read_one_after_the_other() -> None:
    batches = Batches(batch(GOOD, BAD) + batch(CUT) + batch(GOOD))
    sizes = []
    while batches.has_next():
        sizes.append(len(list(batches.next_batch())))
    assert sizes == [3, 1, 1]  # those with odd names begin again, and the client leaves out what it knows


def test_what_is_no_text_is_read_as_escapes() -> None:
    assert [r.headers[1][0] for r in read(batch(BAD, CUT))] == [r"\xff\xfe", r"\xe0\xa4"]


def test_a_record_that_is_broken_is_still_an_error() -> None:
    data = bytearray(batch(BAD))
    data[-3] ^= 1
    with pytest.raises(CorruptRecordException):
        list(read(bytes(data)))
