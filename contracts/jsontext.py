"""JSON from strangers: what Python would let through is refused here, cheaply when there is nothing to refuse."""

import json
import re
from itertools import accumulate
from typing import NoReturn

from contracts.deadletters import Unreadable

DEPTH_LIMIT = 64

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_LOW_SURROGATE = r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HIGH_SURROGATE = r"\\u[dD][89abAB][0-9a-fA-F]{2}"
_TEXT_IN_ORDER = re.compile(
    rf"(?:[^\\]++|\\[^u]|\\\Z|{_HIGH_SURROGATE}{_LOW_SURROGATE}|\\u(?!0000|[dD][89a-fA-F][0-9a-fA-F]{{2}}))*+",
    re.DOTALL,
)
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_ALL_BYTES = bytes(range(256))
_NO_BRACKET = bytes(byte for byte in _ALL_BYTES if byte not in b"{}[]")
_OPENING = b"{["


def read_json(value: bytes, depth: int = DEPTH_LIMIT) -> Json:
    """The JSON in a record's value; Unreadable `bad-encoding`, `too-deep` or `bad-json`, whichever applies first."""
    text = _decoded(value)
    if value.count(b"{") + value.count(b"[") > depth:
        _check_depth(value, depth)
    try:
        parsed: Json = _DECODER.decode(text)
    except ValueError as error:
        raise Unreadable("bad-json", _described(error)) from None
    return parsed


def _decoded(value: bytes) -> str:
    if value.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("bad-encoding", "starts with a byte order mark")
    if b"\0" in value:
        raise Unreadable("bad-encoding", "contains NUL")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("bad-encoding", f"not UTF-8 at byte {error.start}") from None
    if b"\\u" in value and not _TEXT_IN_ORDER.fullmatch(text):
        raise Unreadable("bad-encoding", "escapes NUL or half a surrogate pair")
    return text


def _check_depth(value: bytes, depth: int) -> None:
    brackets = _STRINGS.sub(b"", value).translate(None, delete=_NO_BRACKET)
    if max(accumulate(1 if byte in _OPENING else -1 for byte in brackets), default=0) > depth:
        raise Unreadable("too-deep", f"nested more than {depth} deep")


def _described(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error) if isinstance(error, _RefusedJsonError) else "a number is too long"


class _RefusedJsonError(ValueError):
    """JSON that Python would take and that has no one meaning."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedJsonError("an object has the same key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedJsonError("a number is not finite")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _RefusedJsonError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
