"""`<home>/run.json`: what runs where, for `sewa status` and for people's own scripts."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.runtime.embedded.home import is_held
from services.runtime.embedded.server import Endpoints


@dataclass(frozen=True, slots=True)
class Running:
    """One process of a service; `pid` is None while it waits to be started again."""

    name: str
    slot: int
    pid: int | None
    port: int


@dataclass(frozen=True, slots=True)
class RunFile:
    """The file of the `sewa up` on `home`."""

    home: Path
    endpoints: Endpoints
    mail_dir: str | None
    settings: Mapping[str, str] = field(default_factory=dict)

    def write(self, processes: Sequence[Running]) -> None:
        """Put `processes` into the file, by rename, so that a reader sees the old or the new."""
        known = {
            "supervisor": os.getpid(),
            "processes": [asdict(process) for process in processes],
            "endpoints": asdict(self.endpoints),
            "mail_dir": self.mail_dir,
            "settings": dict(self.settings),
        }
        fresh = self.home / ".run.json"
        fresh.write_text(json.dumps(known, indent=2) + "\n")
        fresh.replace(self.home / "run.json")

    def remove(self) -> None:
        """Nothing runs any more."""
        (self.home / "run.json").unlink(missing_ok=True)


def read_run(home: Path) -> dict[str, Any] | None:
    """Return what `write` wrote, or None when nothing runs on `home`; what a killed supervisor left does not count."""
    if not is_held(home):
        return None
    try:
        known: dict[str, Any] = json.loads((home / "run.json").read_text())
    except (OSError, ValueError):
        return None
    return known
