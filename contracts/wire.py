"""From a Kafka record to a message, or to the one reason why not: the checks, in the order that the reasons have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from contracts.deadletters import (
    HEADERS_LIMIT,
    VALUE_LIMIT,
    DeadLetterReason,
    Headers,
    Unreadable,
)
from contracts.headers import Attributes, read_attributes
from contracts.ids import parse_booking_id
from contracts.jsontext import Json, read_json
from contracts.message import Message, payload_hash, type_of
from contracts.sources import OWN_PREFIX, Sources
from contracts.topics import TOPIC, TOPICS, Topic
from contracts.values import Contract

__all__ = ["DeadLetterReason", "Headers", "Sources", "Tombstone", "Unreadable", "decode"]

LONGEST_ERROR = 1000
LONGEST_CHARACTER = 4

_CONTRACTS: Mapping[str, Mapping[str, type[Contract]]] = {
    topic.name: {type_of(contract): contract for contract in topic.carries} for topic in TOPICS
}
_NAMES: Mapping[str, frozenset[str]] = {topic.name: frozenset(contract.__name__ for contract in topic.carries) for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A record without a value on a compacted topic: what lies under its key is to be forgotten."""

    topic: str
    key: bytes

    @property
    def subject(self) -> str:
        """The key as text, such as `person:<id>`."""
        return self.key.decode()


def decode(
    topic: str, key: bytes | None, headers: Headers, value: bytes | None, *, sources: Sources, host_now: datetime
) -> Message[Contract] | Tombstone:
    """The message in a record of `topic`; Unreadable with the first reason that applies.

    `host_now` is the host's clock, which bounds the time part of booking ids. A Tombstone comes from a compacted
    topic only.
    """
    kept = TOPIC[topic]
    _check_size(headers, value)
    if value is None:
        return _tombstone(kept, key)
    if not key:
        raise Unreadable("missing-key", "the record has no key")
    attributes = read_attributes(headers)
    if attributes.subject.encode() != key:
        raise Unreadable("key-mismatch", "the key is not ce_subject")
    contract = _contract(topic, attributes)
    _check_actor(kept, attributes, sources)
    if kept.booking_keyed:
        _check_booking_id(attributes.subject, host_now)
    received = read_json(value)
    data = _validated(contract, received, value)
    required = data.required_subject()
    if required is not None and required != attributes.subject:
        raise Unreadable("schema", f"ce_subject: {attributes.name} does not belong under this key")
    return _message(attributes, data, received, hashed=kept.open)


def _check_size(headers: Headers, value: bytes | None) -> None:
    if value is not None and len(value) > VALUE_LIMIT:
        raise Unreadable("too-large", f"a value of {len(value)} bytes; the limit is {VALUE_LIMIT}")
    if sum([LONGEST_CHARACTER * len(name) + len(raw or b"") for name, raw in headers]) <= HEADERS_LIMIT:
        return
    size = sum(len(name.encode("utf-8", "replace")) + len(raw or b"") for name, raw in headers)
    if size > HEADERS_LIMIT:
        raise Unreadable("too-large", f"headers of {size} bytes; the limit is {HEADERS_LIMIT}")


def _tombstone(topic: Topic, key: bytes | None) -> Tombstone:
    if not topic.compacted:
        raise Unreadable("null-value", "the record has no value")
    if not key:
        raise Unreadable("missing-key", "the tombstone has no key")
    try:
        key.decode()
    except UnicodeDecodeError:
        raise Unreadable("key-mismatch", "the key is not UTF-8") from None
    return Tombstone(topic.name, key)


def _contract(topic: str, attributes: Attributes) -> type[Contract]:
    contract = _CONTRACTS[topic].get(attributes.type)
    if contract is not None:
        return contract
    if attributes.name in _NAMES[topic]:
        raise Unreadable("unknown-version", f"{attributes.name} has no version {attributes.version[:20]}")
    raise Unreadable("unknown-type", f"{topic} carries no {attributes.name}")


def _check_actor(topic: Topic, attributes: Attributes, sources: Sources) -> None:
    actor, source = attributes.actor, attributes.source
    if not topic.open and source.startswith(OWN_PREFIX):
        return
    if not sources.allows(source, actor):
        raise Unreadable("actor-not-allowed", f"{source} may not speak for {actor.kind}")
    if topic.actors is not None and actor.kind not in topic.actors:
        raise Unreadable("actor-not-allowed", f"{topic.name} is not for {actor.kind}")


def _check_booking_id(subject: str, host_now: datetime) -> None:
    try:
        parse_booking_id(subject, host_now)
    except ValueError as error:
        raise Unreadable("bad-id", str(error)) from None


def _validated(contract: type[Contract], received: Json, value: bytes) -> Contract:
    if not isinstance(received, dict):
        raise Unreadable("schema", "the data should be a JSON object")
    try:
        return contract.model_validate_json(value, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Unreadable("schema", _described(error)) from None


def _described(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    text = "; ".join(": ".join((".".join(map(str, p["loc"])) or "data", p["msg"])) for p in problems)
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"


def _message(attributes: Attributes, data: Contract, received: Json, *, hashed: bool) -> Message[Contract]:
    return Message(
        id=attributes.id,
        source=attributes.source,
        subject=attributes.subject,
        time=attributes.time,
        actor=attributes.actor,
        data=data,
        correlation_id=attributes.correlation_id,
        causation_id=attributes.causation_id,
        causation_source=attributes.causation_source,
        aggregate_version=attributes.aggregate_version,
        traceparent=attributes.traceparent,
        payload_hash=payload_hash(attributes.type, attributes.subject, attributes.actor, received) if hashed else b"",
    )
