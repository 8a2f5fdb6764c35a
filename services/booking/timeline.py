"""A booking's audit trail, as its append-only log tells it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.sources import OWN_PREFIX
from contracts.values import instant_text

API = f"{OWN_PREFIX}api"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that happened: `type` is its bare name, `data` what it says besides the status, `from_status` None for the first."""

    version: int
    event_id: UUID
    type: str
    at: datetime
    actor: Actor
    cause_id: str
    cause_source: str
    from_status: str | None
    to_status: str
    data: dict[str, Any]

    @property
    def via(self) -> str:
        """The door by which its cause came in: `http`, `system` for one of our own services, else `kafka`."""
        if self.cause_source == API:
            return "http"
        return "system" if self.cause_source.startswith(OWN_PREFIX) else "kafka"

    @property
    def reason(self) -> str | None:
        """Why it happened: what somebody wrote, else the code of a cancellation."""
        return self.data.get("cancellation_note") or self.data.get("cancellation_reason") or self.data.get("reason")

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it; booking knows nobody's name."""
        return {
            "version": self.version,
            "event_id": str(self.event_id),
            "type": self.type,
            "at": instant_text(self.at),
            "actor": {"role": self.actor.kind, "id": self.actor.id, "name": None},
            "cause": self.cause_id,
            "via": self.via,
            "reason": self.reason,
            "from_status": self.from_status,
            "to_status": self.to_status,
            "data": self.data,
        }


async def read_timeline(connection: AsyncConnection, booking: UUID) -> list[Entry]:
    """Return everything that happened to `booking`, the oldest first; nothing for a booking that nobody knows."""
    rows = (
        await connection.execute(
            text("""
                select version, event_id, split_part(type, '.', 2) as type, at, actor, cause_id, cause_source, payload::text as payload
                from booking.log where booking = :booking order by version"""),
            {"booking": booking},
        )
    ).all()
    return _entries(rows)


def _entries(rows: Sequence[Any]) -> list[Entry]:
    payloads = [json.loads(row.payload) for row in rows]
    statuses = [None, *(payload.pop("status") for payload in payloads)]
    moves = pairwise(statuses)
    return [
        Entry(r.version, r.event_id, r.type, r.at, Actor.parse(r.actor), r.cause_id, r.cause_source, before, after, payload)
        for r, payload, (before, after) in zip(rows, payloads, moves, strict=True)
    ]
