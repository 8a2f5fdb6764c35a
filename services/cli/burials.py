"""Dead letters as they lie on their topic."""

import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import ConsumerRecord

from contracts.topics import DEAD_LETTERS
from services.cli.whole_topic import records


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter: its record, and the headers by name."""

    record: ConsumerRecord[bytes, bytes]
    headers: dict[str, str]

    @classmethod
    def read(cls, record: ConsumerRecord[bytes, bytes]) -> Self:
        """Return the dead letter in `record`; our headers come after those of the original, and so win."""
        return cls(record, {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers})

    @property
    def id(self) -> str:
        """Its id; where it stands in the topic, if somebody else put it there."""
        return self.headers.get("x-dlq-id", f"{self.record.partition}:{self.record.offset}")

    @property
    def summary(self) -> dict[str, Any]:
        """What it is and where it comes from."""
        header = self.headers.get
        return {
            "id": self.id,
            "at": header("x-dlq-at"),
            "reason": header("x-dlq-reason"),
            "error": header("x-dlq-error"),
            "attempts": _number(header("x-dlq-attempts")),
            "group": header("x-consumer-group"),
            "topic": header("x-src-topic"),
            "partition": _number(header("x-src-partition")),
            "offset": _number(header("x-src-offset")),
            "key": readable(self.record.key)["value"],
            "ce_type": header("ce_type"),
        }

    @property
    def whole(self) -> dict[str, Any]:
        """Everything: bytes as text where they are UTF-8, else as base64."""
        headers = [{"name": name, **readable(value)} for name, value in self.record.headers]
        return {**self.summary, "key": readable(self.record.key), "headers": headers, "value": readable(self.record.value)}


def readable(value: bytes | None) -> dict[str, str | None]:
    """Return bytes as a JSON value and its encoding, `utf-8` or `base64`; both null for none."""
    if value is None:
        return {"value": None, "encoding": None}
    try:
        return {"value": value.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"value": base64.b64encode(value).decode(), "encoding": "base64"}


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


async def read_letters(bootstrap: str, wanted: Callable[[Buried], bool]) -> list[Buried]:
    """Return the dead letters that are `wanted`, each once. Raises Halt, KafkaError."""
    return list({letter.id: letter async for letter in _letters(bootstrap) if wanted(letter)}.values())


async def find_letter(bootstrap: str, letter_id: str) -> Buried | None:
    """Return one dead letter, or None. Raises Halt, KafkaError."""
    async with aclosing(_letters(bootstrap)) as letters:
        async for letter in letters:
            if letter.id == letter_id:
                return letter
    return None


async def _letters(bootstrap: str) -> AsyncGenerator[Buried]:
    """Yield every dead letter that there is now, those of each partition in order."""
    async with aclosing(records(bootstrap, DEAD_LETTERS.name)) as found:
        async for record in found:
            yield Buried.read(record)
