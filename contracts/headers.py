"""The CloudEvents attributes of a record, read from its Kafka headers; what is missing or malformed is `schema`."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from contracts.actors import Actor
from contracts.deadletters import Headers, Unreadable
from contracts.values import parse_instant

LONGEST_ATTRIBUTE = 200
REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_actor")
OPTIONAL = (
    "content-type",
    "ce_dataschema",
    "ce_correlationid",
    "ce_causationid",
    "ce_causationsource",
    "ce_aggregateversion",
)
_KNOWN = frozenset((*REQUIRED, *OPTIONAL))
_UNBOUNDED = frozenset(("content-type", "ce_dataschema"))
_TYPE = re.compile(r"sewabazaar\.([A-Za-z][A-Za-z0-9]*)\.v([0-9]+)")
_JSON = re.compile(r"application/json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Attributes(NamedTuple):
    """A record's attributes; `name` and `version` are the parts of its type."""

    id: str
    type: str
    name: str
    version: str
    source: str
    subject: str
    time: datetime
    actor: Actor
    correlation_id: str
    causation_id: str | None
    causation_source: str | None
    aggregate_version: int | None
    traceparent: str | None


def read_attributes(headers: Headers) -> Attributes:
    """The attributes in the headers; Unreadable `schema` names the first header that is missing or malformed."""
    found = _texts(headers)
    if missing := [name for name in REQUIRED if name not in found]:
        raise Unreadable("schema", f"{missing[0]}: missing")
    if found["ce_specversion"] != "1.0":
        raise Unreadable("schema", "ce_specversion: should be 1.0")
    if not _JSON.fullmatch(found.get("content-type", "application/json")):
        raise Unreadable("schema", "content-type: should be application/json")
    name, version = _type_parts(found["ce_type"])
    return Attributes(
        id=found["ce_id"],
        type=found["ce_type"],
        name=name,
        version=version,
        source=found["ce_source"],
        subject=found["ce_subject"],
        time=_time(found["ce_time"]),
        actor=_actor(found["ce_actor"]),
        correlation_id=found.get("ce_correlationid", found["ce_id"]),
        causation_id=found.get("ce_causationid"),
        causation_source=found.get("ce_causationsource"),
        aggregate_version=_aggregate_version(found),
        traceparent=_traceparent(headers),
    )


def _texts(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, raw in headers:
        if name in _KNOWN:
            if name in found:
                raise Unreadable("schema", f"{name}: given twice")
            found[name] = _text(name, raw)
    return found


def _text(name: str, raw: bytes | None) -> str:
    if not raw:
        raise Unreadable("schema", f"{name}: {'null' if raw is None else 'empty'}")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Unreadable("schema", f"{name}: not UTF-8") from None
    if "\0" in text:
        raise Unreadable("schema", f"{name}: contains NUL")
    if len(text) > LONGEST_ATTRIBUTE and name not in _UNBOUNDED:
        raise Unreadable("schema", f"{name}: longer than {LONGEST_ATTRIBUTE} characters")
    return text


@lru_cache(maxsize=256)
def _type_parts(text: str) -> tuple[str, str]:
    parts = _TYPE.fullmatch(text)
    if parts is None:
        raise Unreadable("schema", "ce_type: should be sewabazaar.<Name>.v<N>")
    return parts[1], parts[2]


def _time(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Unreadable("schema", f"ce_time: {error}") from None


@lru_cache(maxsize=4096)
def _actor(text: str) -> Actor:
    try:
        return Actor.parse(text)
    except ValueError as error:
        raise Unreadable("schema", f"ce_actor: {error}") from None


def _aggregate_version(found: Mapping[str, str]) -> int | None:
    text = found.get("ce_aggregateversion")
    if text is None:
        return None
    if not _VERSION.fullmatch(text):
        raise Unreadable("schema", "ce_aggregateversion: should be a decimal number from 1")
    return int(text)


def _traceparent(headers: Headers) -> str | None:
    """W3C Trace Context: one that is malformed or given twice is as if there were none."""
    given = [raw for name, raw in headers if name == "traceparent"]
    if len(given) == 1 and given[0] is not None and _TRACEPARENT.fullmatch(given[0]):
        return given[0].decode()
    return None
