"""Messages as people write them down: the CloudEvents JSON format, one a line, routed by type to the topic."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.deadletters import Unreadable
from contracts.jsontext import DEPTH_LIMIT, Json, read_json
from contracts.sources import Sources
from contracts.topics import TOPICS
from contracts.wire import decode

_TOPIC_OF = {contract.__name__: topic for topic in TOPICS if topic.open for contract in topic.carries}
_NAME = re.compile(r"sewabazaar\.([A-Za-z][A-Za-z0-9]*)\.v[0-9]+")
_decoder = json.JSONDecoder()
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_NOT_PREFIXED = {"datacontenttype": "content-type", "traceparent": "traceparent"}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A Kafka record to send; a null value is a tombstone."""

    topic: str
    key: bytes | None
    headers: list[tuple[str, bytes]]
    value: bytes | None


def parse_line(text: str | bytes, *, sources: Sources, host_now: datetime, validate: bool = True) -> Outgoing:
    """The record that a line of CloudEvents JSON stands for.

    Unreadable gives the reason for which a reader would bury it. With `validate` off only what cannot be sent at all is
    refused: a line that is no JSON object, or whose type names no topic that others may write to.
    """
    if not validate:
        return _as_written(text)
    outgoing = _outgoing(_strict(text))
    decode(outgoing.topic, outgoing.key, outgoing.headers, outgoing.value, sources=sources, host_now=host_now)
    return outgoing


def _strict(text: str | bytes) -> dict[str, Json]:
    try:
        line = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise Unreadable("bad-encoding", "the line is not UTF-8") from None
    event = _object(read_json(line, DEPTH_LIMIT + 1))
    for name, value in event.items():
        if name != "data" and not isinstance(value, str) and not (name == "aggregateversion" and type(value) is int):
            raise Unreadable("schema", f"{name[:50]}: should be a string")
    if "subject" not in event:
        raise Unreadable("missing-key", "subject: missing")
    if "data" not in event:
        raise Unreadable("schema", "data: missing")
    return event


def _as_written(text: str | bytes) -> Outgoing:
    """The record with its data byte for byte, so that whatever is wrong with it arrives."""
    outgoing = _outgoing(_lenient(text))
    if outgoing.value is None:
        return outgoing
    line = text if isinstance(text, str) else text.decode(json.detect_encoding(text), "surrogatepass")
    return replace(outgoing, value=_member(line, "data").encode("utf-8", "surrogatepass"))


def _member(line: str, wanted: str) -> str:
    """The text of a member of the JSON object in `line`, which Python can read; of several the last, as Python does."""
    found, at = "", line.index("{") + 1
    while line[at:].lstrip().startswith('"'):
        key, at = _decoder.raw_decode(line, _blanks(line, at))
        begins = _blanks(line, _blanks(line, at) + 1)
        _, ends = _decoder.raw_decode(line, begins)
        if key == wanted:
            found = line[begins:ends]
        at = _blanks(line, ends) + 1
    return found


def _blanks(line: str, at: int) -> int:
    while line[at].isspace():
        at += 1
    return at


def _lenient(text: str | bytes) -> dict[str, Json]:
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise Unreadable("bad-json", str(error)) from None


def _object(event: Json) -> dict[str, Json]:
    if not isinstance(event, dict):
        raise Unreadable("schema", "the line should be a JSON object")
    return event


def _outgoing(event: Mapping[str, Json]) -> Outgoing:
    subject, data = event.get("subject"), event.get("data")
    return Outgoing(
        topic=_topic(event.get("type")),
        key=None if subject is None else _bytes(subject),
        headers=_headers(event),
        value=None if data is None else _json(data),
    )


def _topic(type_: Json) -> str:
    if type_ is None:
        raise Unreadable("schema", "type: missing")
    found = _NAME.fullmatch(type_) if isinstance(type_, str) else None
    if found is None:
        raise Unreadable("schema", "type: should be sewabazaar.<Name>.v<N>")
    topic = _TOPIC_OF.get(found[1])
    if topic is None:
        raise Unreadable("unknown-type", f"no topic open to others carries {found[1][:100]}")
    return topic.name


def _headers(event: Mapping[str, Json]) -> list[tuple[str, bytes]]:
    attributes = {name: value for name, value in event.items() if name != "data" and value is not None}
    headers = [(_NOT_PREFIXED.get(name, f"ce_{name}"), _bytes(value)) for name, value in attributes.items() if _ATTRIBUTE.fullmatch(name)]
    return headers if "datacontenttype" in attributes else [*headers, ("content-type", b"application/json")]


def _bytes(value: Json) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else _json(value)


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
