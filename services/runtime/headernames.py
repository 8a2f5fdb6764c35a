r"""Lets Kafka's client read header names that are not UTF-8, which other clients can write: what is wrong in one is read as `\xff`.

The client decodes names strictly while it fetches. One such record would fail every fetch of its consumer, in every group, for as long as
the topic keeps it.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

LENGTH_AT, LENGTH_BYTES = 8, 4


class Lenient(bytearray):
    """Bytes whose slices are text whatever is in them."""

    def __getitem__(self, part: Any) -> Any:
        """Return a byte, or a slice that is lenient as well."""
        found = super().__getitem__(part)
        return Lenient(found) if isinstance(part, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        """Return text with escapes for the bytes that are none."""
        return super().decode(encoding, "backslashreplace")


class Batch:
    """The client's batch of records, read again leniently from where it gives up; the client leaves out what it has read already."""

    def __init__(self, strict: Any, raw: memoryview) -> None:
        self._strict, self._raw = strict, raw

    def __getattr__(self, name: str) -> Any:
        """Return what the client's own batch says."""
        return getattr(self._strict, name)

    def __next__(self) -> Any:
        """Return the next record of a batch that Kafka itself wrote."""
        return next(self._strict)

    def __iter__(self) -> Iterator[Any]:
        """Yield the records. Raises CorruptRecordException where more than a name is wrong."""
        try:
            yield from self._strict
        except (UnicodeDecodeError, CorruptRecordException):
            yield from self._leniently()

    def _leniently(self) -> Iterator[Any]:
        batch = _DefaultRecordBatchPy(self._raw)
        batch._maybe_uncompress()  # noqa: SLF001 - the only place before its records are read
        batch._buffer = Lenient(batch._buffer)  # noqa: SLF001
        return iter(batch)


class Batches:
    """What one fetch brought of a partition, in the client's own terms."""

    def __init__(self, data: bytes) -> None:
        self._strict, self._data, self._at = MemoryRecords(data), memoryview(data), 0

    def size_in_bytes(self) -> int:
        """Return how much was brought."""
        return len(self._data)

    def has_next(self) -> bool:
        """Return whether a whole batch is left."""
        return bool(self._strict.has_next())

    def next_batch(self) -> Batch:
        """Return the next batch."""
        begins, length_at = self._at, self._at + LENGTH_AT
        length = int.from_bytes(self._data[length_at : length_at + LENGTH_BYTES], "big")
        self._at = length_at + LENGTH_BYTES + length
        return Batch(self._strict.next_batch(), self._data[begins : self._at])


def read_any_header_name() -> None:
    """Have all consumers of this process read any header name."""
    fetcher.MemoryRecords = Batches
