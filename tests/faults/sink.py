"""A mail server that keeps a list of what it took, on disk, and nothing else."""

import asyncio
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

TAKEN = "250 OK: taken"


@dataclass(frozen=True, slots=True)
class Sink:
    """Appends the Message-ID of every letter to `path`."""

    path: Path

    async def start(self) -> asyncio.Server:
        """Listen on a port of its own."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: SMTP(self, loop=loop, hostname="sink", enable_SMTPUTF8=True), "127.0.0.1", 0)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd prescribes it
        """Take a letter."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{message_from_bytes(envelope.original_content or b'')['Message-ID']}\n")
        return TAKEN


def taken(path: Path) -> list[str]:
    """Return the Message-IDs of what was taken, in order, as often as it was."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
