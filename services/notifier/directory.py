"""Batches of directory messages: people and the names of services are projected; whoever is erased leaves an empty row."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.directory import PersonErased, PersonUpserted, ServiceUpserted
from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Tombstone
from services.notifier import projections
from services.runtime.outcomes import Fate, Outcome, Received

FINAL = "infinity"
PERSON_KEY = re.compile(r"person:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


async def settle_directory(connection: AsyncConnection, received: Sequence[Received], _now: datetime) -> list[Outcome]:
    """Project people and the names of services; whoever is erased leaves an empty row."""
    messages = [r.message for r in received]
    await projections.save_people(connection, [row for m in messages if (row := _person(m))])
    await projections.save_services(connection, [row for m in messages if (row := _service(m))])
    return [Fate.HANDLED for _ in messages]


def _person(message: Message[Contract] | Tombstone) -> dict[str, object] | None:
    if isinstance(message, Tombstone):
        found = PERSON_KEY.fullmatch(message.subject)
        return _erased(found[1]) if found else None
    data = message.data
    if isinstance(data, PersonErased):
        return _erased(str(data.id))
    if not isinstance(data, PersonUpserted):
        return None
    return {**data.model_dump(include={"id", "role", "name", "email", "language", "timezone", "active"}), "changed_at": message.time}


def _erased(id_: str) -> dict[str, object]:
    """Return an empty row that no later message fills again."""
    return {"id": id_, "active": False, "changed_at": FINAL}


def _service(message: Message[Contract] | Tombstone) -> dict[str, object] | None:
    if isinstance(message, Tombstone) or not isinstance(message.data, ServiceUpserted):
        return None
    return {"id": message.data.id, "name": message.data.name, "changed_at": message.time}
