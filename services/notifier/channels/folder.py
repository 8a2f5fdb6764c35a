"""Writes e-mails to a folder, for trying things out without a mail server."""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder at `path`, made when the first e-mail comes."""

    path: Path

    async def __call__(self, message: EmailMessage) -> None:
        """Write `message` to a file named after its Message-ID: a retry replaces it. Raises OSError."""
        await asyncio.to_thread(self._write, message)

    def _write(self, message: EmailMessage) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        written = self.path / f".{name}.writing"
        written.write_bytes(message.as_bytes())
        written.replace(self.path / f"{name}.eml")
