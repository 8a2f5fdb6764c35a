"""A mail server that keeps a list of what it took, on disk, and nothing else."""

import asyncio
import json
import re
from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

TAKEN = "250 OK: taken"
BOOKING = re.compile(rb"/bookings/([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter that was taken: its Message-ID, its address, and the booking that it links to."""

    id: str
    to: str
    booking: str


@dataclass(frozen=True)  # no slots: aiosmtpd looks at every member, which some releases of Python 3.11 refuse for slotted ones
class Sink:
    """Appends to `path` what it takes."""

    path: Path

    async def start(self) -> asyncio.Server:
        """Listen on a port of its own."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: SMTP(self, loop=loop, hostname="sink", enable_SMTPUTF8=True), "127.0.0.1", 0)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd prescribes it
        """Take a letter."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(read(bytes(envelope.original_content or b""), envelope.rcpt_tos[0]))) + "\n")
        return TAKEN


def delivered(folder: Path) -> list[Mail]:
    """Return the letters that a folder holds in files."""
    return [_addressed(path.read_bytes()) for path in folder.rglob("*.eml")]


def _addressed(content: bytes) -> Mail:
    return read(content, parseaddr(str(message_from_bytes(content)["To"]))[1])


def read(content: bytes, to: str) -> Mail:
    """Return what a letter is known by."""
    booking = BOOKING.search(content)
    return Mail(str(message_from_bytes(content)["Message-ID"]), to, booking[1].decode() if booking else "")


def taken(path: Path) -> list[Mail]:
    """Return what was taken, in order, as often as it was."""
    return [Mail(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
