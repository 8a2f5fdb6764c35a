"""A message: its data with the CloudEvents attributes around it, as Kafka headers, key and value."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Generic, TypeVar
from uuid import UUID

from contracts.actors import Actor
from contracts.ids import as_id
from contracts.values import Contract, instant_text

D_co = TypeVar("D_co", bound=Contract, covariant=True)

TYPE_PREFIX = "sewabazaar."
CONTENT_TYPE = b"application/json"


def _plain(value: object) -> object:
    if isinstance(value, Contract):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain).encode


def canonical_json(value: object) -> bytes:
    """JSON in UTF-8 with sorted keys and no spaces; contracts within `value` count as their JSON."""
    return _canonical(value).encode()


def payload_hash(type_: str, subject: str, actor: Actor | str, data: object) -> bytes:
    """The SHA-256 that two messages of one identity are compared by; `data` is as received, unknown fields included."""
    return hashlib.sha256(canonical_json([type_, subject, str(actor), data])).digest()


@cache
def type_of(contract: type[Contract]) -> str:
    """The `ce_type` of a contract: `sewabazaar.<Name>.v<N>`."""
    return f"{TYPE_PREFIX}{contract.__name__}.v{contract.contract_version}"


@dataclass(frozen=True, slots=True)
class Message(Generic[D_co]):
    """One message; `payload_hash` is set on what was received from a topic that others write to as well."""

    id: str
    source: str
    subject: str
    time: datetime
    actor: Actor
    data: D_co
    correlation_id: str | None = None
    causation_id: str | None = None
    causation_source: str | None = None
    aggregate_version: int | None = None
    traceparent: str | None = None
    payload_hash: bytes = b""

    @property
    def name(self) -> str:
        """The bare name, such as `CreateBooking`."""
        return type(self.data).__name__

    @property
    def type(self) -> str:
        """The `ce_type`, such as `sewabazaar.CreateBooking.v1`."""
        return type_of(type(self.data))

    @property
    def topic(self) -> str:
        """The name of the topic that carries it."""
        return self.data.topic

    @property
    def booking(self) -> UUID:
        """The id of the booking that it is about, of a topic that is keyed by bookings."""
        return as_id(self.subject)

    @property
    def identity(self) -> tuple[str, str]:
        """Source and id, which name a message once and for all."""
        return (self.source, self.id)

    def key(self) -> bytes:
        """The Kafka key: the subject."""
        return self.subject.encode()

    def headers(self) -> list[tuple[str, bytes]]:
        """The CloudEvents attributes as Kafka headers, in binary mode; those that are not set are left out."""
        version = self.aggregate_version
        attributes = [
            ("ce_specversion", "1.0"),
            ("ce_id", self.id),
            ("ce_type", self.type),
            ("ce_source", self.source),
            ("ce_subject", self.subject),
            ("ce_time", instant_text(self.time)),
            ("ce_actor", str(self.actor)),
            ("ce_correlationid", self.correlation_id or self.id),
            ("ce_causationid", self.causation_id),
            ("ce_causationsource", self.causation_source),
            ("ce_aggregateversion", None if version is None else str(version)),
            ("traceparent", self.traceparent),
        ]
        given = [(name, text.encode()) for name, text in attributes if text is not None]
        return [*given, ("content-type", CONTENT_TYPE)]

    def value(self) -> bytes:
        """The data as JSON in UTF-8."""
        return self.data.model_dump_json().encode()
