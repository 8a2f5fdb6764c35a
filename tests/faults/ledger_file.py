"""Reads what the load wrote about itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.load import Ledger


def read_ledger(path: Path) -> Ledger:
    """Return what was sent, and what Kafka said it has."""
    ledger = Ledger()
    for line in path.read_text(encoding="utf-8").splitlines():
        _note(ledger, json.loads(line))
    return ledger


def _note(ledger: Ledger, fact: Mapping[str, Any]) -> None:
    match fact:
        case {"command": command, "booking": booking}:
            ledger.commands.setdefault(booking, []).append(command)
        case {"sending": mark, "topic": "booking.commands.v1"}:
            ledger.sent.add(mark)
        case {"kept": mark} if mark in ledger.sent:
            ledger.kept.add(mark)
        case {"unreadable": mark, "reason": reason}:
            ledger.unreadable[mark] = reason
        case {"people": addresses}:
            ledger.people |= addresses
