"""Records that nobody should send, and that somebody will: again, too late, too early, or not to be understood."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from tests.faults.load import line
from tests.faults.upstream import Line, Parcel, Upstream

AT_ONCE = 3


async def send(upstream: Upstream, how: str) -> None:
    """Send some records of one kind, kept by Kafka when this returns. What is not to be understood is in the ledger with its reason."""
    for _ in range(AT_ONCE):
        if how in GOOD:
            await GOOD[how](upstream)
        else:
            parcel = BAD[how](upstream.chance.choice([m for m in upstream.remembered if "CreateBooking" in str(m["type"])]))
            upstream.write(unreadable=parcel.mark, reason=how)
            await upstream.deliver(parcel)
    upstream.sent[how] += AT_ONCE


async def _again(upstream: Upstream) -> None:
    await upstream.deliver(Parcel.of(upstream.chance.choice(upstream.remembered)))


async def _late(upstream: Upstream) -> None:
    """Take a note on what may long be over."""
    old = upstream.chance.choice(upstream.remembered[: len(upstream.remembered) // 2 + 1])
    await upstream.say(line("EditNotes", str(old["subject"]), "admin:" + str(uuid4()), {"notes": f"late {uuid4()}"}))


async def _early(upstream: Upstream) -> None:
    await upstream.tell(backwards=True, fates=("accept", "decline"))


def _equivocation(message: Line) -> Parcel:
    return Parcel.of({**message, "data": {**message["data"], "duration_minutes": 7}})


def _without(header: str) -> Callable[[Line], Parcel]:
    def make(message: Line) -> Parcel:
        parcel = Parcel.of({**message, "id": str(uuid4())})
        return replace(parcel, headers=[(name, value) for name, value in parcel.headers if name != header])

    return make


def _bad_json(message: Line) -> Parcel:
    return replace(Parcel.of({**message, "id": str(uuid4())}), value=json.dumps(message["data"]).encode()[:-1] + b',"x":NaN}')


GOOD: Mapping[str, Callable[[Upstream], Awaitable[None]]] = {"duplicate": _again, "late": _late, "early": _early}
BAD: Mapping[str, Callable[[Line], Parcel]] = {
    "equivocation": _equivocation,
    "bad-json": _bad_json,
    "null-value": lambda m: replace(Parcel.of({**m, "id": str(uuid4())}), value=None),
    "missing-key": lambda m: replace(Parcel.of({**m, "id": str(uuid4())}), key=None),
    "schema": _without("ce_time"),
    "unknown-type": lambda m: Parcel.of({**m, "id": str(uuid4()), "type": "sewabazaar.PaintHouse.v1"}),
}
