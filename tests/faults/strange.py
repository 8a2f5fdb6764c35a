"""Records that nobody should send, and that somebody will: again, too late, too early, or not to be understood."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any
from uuid import uuid4

from tests.faults.load import line
from tests.faults.stories import orphan
from tests.faults.upstream import Line, Parcel, Upstream

AT_ONCE = 3
DEEP, LARGE = 70, 65 * 1024


async def send(upstream: Upstream, how: str, chance: Random) -> None:
    """Send some records of one kind, kept by Kafka when this returns. What is to be buried is in the ledger with its reason."""
    for _ in range(AT_ONCE):
        if how in GOOD:
            await GOOD[how](upstream, chance)
        else:
            parcel = BAD[how](chance.choice([m for m in upstream.remembered if "CreateBooking" in str(m["type"])]))
            await bury(upstream, parcel, how)
    upstream.sent[how] += AT_ONCE


async def bury(upstream: Upstream, parcel: Parcel, reason: str) -> None:
    """Send a record that is to end in dead letters."""
    upstream.write(unreadable=parcel.mark, reason=reason)
    await upstream.deliver(parcel)


async def _again(upstream: Upstream, chance: Random) -> None:
    await upstream.deliver(Parcel.of(chance.choice(upstream.remembered)))


async def _late(upstream: Upstream, chance: Random) -> None:
    """Take a note on what may long be over."""
    old = chance.choice(upstream.remembered[: len(upstream.remembered) // 2 + 1])
    await upstream.say(line("EditNotes", str(old["subject"]), "admin:" + str(uuid4()), {"notes": f"late {uuid4()}"}))


async def _orphan(upstream: Upstream, chance: Random) -> None:
    await bury(upstream, Parcel.of(orphan(chance)), "orphan")


def _anew(message: Line, **changed: Any) -> Parcel:
    return Parcel.of({**message, "id": str(uuid4()), **changed})


def _equivocation(message: Line) -> Parcel:
    return Parcel.of({**message, "data": {**message["data"], "duration_minutes": 7}})


def _without(header: str) -> Callable[[Line], Parcel]:
    def make(message: Line) -> Parcel:
        parcel = _anew(message)
        return replace(parcel, headers=[(name, value) for name, value in parcel.headers if name != header])

    return make


def _bytes(make: Callable[[bytes], bytes | None]) -> Callable[[Line], Parcel]:
    def made(message: Line) -> Parcel:
        parcel = _anew(message)
        return replace(parcel, value=make(parcel.value or b""))

    return made


GOOD: Mapping[str, Callable[[Upstream, Random], Awaitable[None]]] = {
    "duplicate": _again,
    "late": _late,
    "early": Upstream.tell_backwards,
    "orphan": _orphan,
}
BAD: Mapping[str, Callable[[Line], Parcel]] = {
    "equivocation": _equivocation,
    "bad-json": _bytes(lambda value: value[:-1] + b',"x":NaN}'),
    "bad-encoding": _bytes(lambda value: b"\xef\xbb\xbf" + value),
    "too-deep": _bytes(lambda value: value[:-1] + b',"x":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "too-large": _bytes(lambda value: value[:-1] + b',"x":"' + b"x" * LARGE + b'"}'),
    "null-value": _bytes(lambda _: None),
    "missing-key": lambda m: replace(_anew(m), key=None),
    "key-mismatch": lambda m: replace(_anew(m), key=b"another"),
    "bad-id": lambda m: _anew(m, subject="b-1"),
    "schema": _without("ce_time"),
    "unknown-type": lambda m: _anew(m, type="sewabazaar.PaintHouse.v1"),
    "unknown-version": lambda m: _anew(m, type="sewabazaar.CreateBooking.v9"),
    "actor-not-allowed": lambda m: _anew(m, actor="system:booking"),
}
