"""Directory messages as rows: what stands after a batch of them, and what is to be forgotten."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from contracts.directory import PersonErased, PersonUpserted, ProviderHoursSet, ProviderLeaveRemoved, ProviderLeaveSet, ServiceUpserted
from contracts.message import Message
from contracts.values import Contract
from contracts.wire import Tombstone

FINAL = "infinity"
SUBJECT = re.compile(r"(person|service|hours|leave):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
Row = dict[str, object]


@dataclass(slots=True)
class Changes:
    """Rows to write by kind, keys of services, hours and leave that are to go, and who is erased."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    erased: set[str] = field(default_factory=set)

    def erase(self, person: str) -> None:
        """Leave an empty row that no later message fills again."""
        self.erased.add(person)
        self.rows["person"].append({"id": person, "active": False, "changed_at": FINAL})

    def forget(self, subject: str) -> None:
        """Follow a tombstone."""
        if found := SUBJECT.fullmatch(subject):
            kind, key = found.groups()
            if kind == "person":
                self.erase(key)
            else:
                self.gone[kind].add(key)


def changes(messages: Iterable[Message[Contract] | Tombstone]) -> Changes:
    """Return what a batch comes to: of each subject, what came after its last tombstone."""
    standing: dict[str, list[Message[Contract]]] = defaultdict(list)
    found = Changes()
    for message in messages:
        if isinstance(message, Tombstone):
            standing.pop(message.subject, None)
            found.forget(message.subject)
        else:
            standing[message.subject].append(message)
    for message in (each for group in standing.values() for each in group):
        _add(found, message)
    return found


def _add(found: Changes, message: Message[Contract]) -> None:
    data = message.data
    if isinstance(data, PersonErased):
        found.erase(str(data.id))
    elif isinstance(data, PersonUpserted):
        found.rows["person"].append(_row(message))
    elif isinstance(data, ServiceUpserted):
        found.rows["service"].append(_row(message))
    elif isinstance(data, ProviderHoursSet):
        found.rows["hours"].append(_row(message))
    elif isinstance(data, ProviderLeaveSet):
        found.rows["leave"].append({**_row(message), "from_date": data.from_, "to_date": data.to})
    elif isinstance(data, ProviderLeaveRemoved):
        found.rows["leave"].append(_row(message))


def _row(message: Message[Contract]) -> Row:
    return {**message.data.model_dump(mode="json"), "changed_at": message.time}


def standing_leave(messages: Sequence[Message[Contract] | Tombstone]) -> list[Message[ProviderLeaveSet]]:
    """Return the leave that was set and not taken back within the batch."""
    last = {message.subject: message for message in messages}
    return [cast(Message[ProviderLeaveSet], m) for m in last.values() if isinstance(m, Message) and isinstance(m.data, ProviderLeaveSet)]
