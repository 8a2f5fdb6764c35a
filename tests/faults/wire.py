"""What the bytes that pass a proxy say: who speaks, and which named point of its work the speaker has reached.

Nothing in the services knows of these points: the proxy holds the bytes back, and the speaker dies at the point.
"""

import re
import struct
from typing import Protocol

WRITES = re.compile(rb"\b(insert into|update|delete from) \w+\.\w+\s", re.IGNORECASE)
INBOX = re.compile(rb"\s*insert into \w+\.inbox\s", re.IGNORECASE)
FORGETS = re.compile(rb"\s*delete from \w+\.outbox where position\s", re.IGNORECASE)
SPEAKER = re.compile(r"sewa-(\w+)-(\d+)")
CLAIMING = "booking"
READY = b"Z\x00\x00\x00\x05"
READY_BYTES = 6
PRODUCE, OFFSET_COMMIT = 0, 8
APPLICATION = b"application_name"


class Ear(Protocol):
    """Listens to one connection."""

    speaker: tuple[str, int] | None

    def hears(self, chunk: bytes) -> set[str]:
        """Return the points that the client has reached if `chunk` never arrives."""

    def hears_answer(self, chunk: bytes) -> set[str]:
        """Return the points that the client has reached if the server's `chunk` never arrives."""


def named(text: str) -> tuple[str, int] | None:
    """Return the service and the slot in a client's name such as `sewa-booking-0-lock`."""
    found = SPEAKER.match(text)
    return (found[1], int(found[2])) if found else None


class Postgres:
    """Listens to PostgreSQL's protocol, version 3, without encryption."""

    def __init__(self) -> None:
        """Expect the first message, which has no type."""
        self.speaker: tuple[str, int] | None = None
        self._started, self._wrote, self._claimed = False, False, False
        self._rest, self._statements = b"", dict[bytes, bytes]()
        self._once_answered: set[str] = set()

    def hears(self, chunk: bytes) -> set[str]:
        """Follow statements by the names they are prepared under."""
        self._rest += chunk
        points: set[str] = set()
        while (message := self._next()) is not None:
            points |= self._understood(*message)
        return points

    def hears_answer(self, chunk: bytes) -> set[str]:
        """A statement is through when the server is ready for another."""
        if not self._once_answered or chunk[-READY_BYTES:-1] != READY:
            return set()
        points, self._once_answered = self._once_answered, set()
        return points

    def _next(self) -> tuple[bytes, bytes] | None:
        head = 1 if self._started else 0
        if len(self._rest) < head + 4:
            return None
        end = head + struct.unpack_from(">i", self._rest, head)[0]
        if len(self._rest) < end:
            return None
        kind, body, self._rest = self._rest[:head], self._rest[head + 4 : end], self._rest[end:]
        return kind, body

    def _understood(self, kind: bytes, body: bytes) -> set[str]:
        match kind:
            case b"":
                self._begins(body)
            case b"P":
                name, statement, _ = body.split(b"\0", 2)
                self._statements[name] = statement
            case b"B":
                return self._executes(self._statements.get(body.split(b"\0", 2)[1], b""))
            case b"Q":
                return self._executes(body)
        return set()

    def _begins(self, body: bytes) -> None:
        self._started = True
        words = body[4:].split(b"\0")
        if APPLICATION in words:
            self.speaker = named(words[words.index(APPLICATION) + 1].decode())

    def _executes(self, statement: bytes) -> set[str]:
        if statement.startswith((b"COMMIT", b"ROLLBACK")):
            return self._ends(statement.startswith(b"COMMIT"))
        claims = bool(INBOX.match(statement))
        self._once_answered = {"after-inbox-insert"} if claims else set()
        self._wrote = self._wrote or bool(WRITES.search(statement))
        self._claimed = self._claimed or claims
        return {"after-publish-before-delete"} if FORGETS.match(statement) else set()

    def _ends(self, commits: bool) -> set[str]:
        """Where messages are claimed, only the transactions that claim some are worth dying around."""
        counts = self._wrote and (self._claimed or not self.speaker or self.speaker[0] != CLAIMING)
        self._wrote, self._claimed = False, False
        self._once_answered = {"after-commit"} if counts and commits else set()
        return {"before-commit"} if counts and commits else set()


class Kafka:
    """Listens to Apache Kafka's requests, without encryption."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self.speaker: tuple[str, int] | None = None
        self._rest = b""

    def hears(self, chunk: bytes) -> set[str]:
        """Tell requests apart by their key, and those to publish by their topic."""
        self._rest += chunk
        points: set[str] = set()
        while len(self._rest) >= 4 and len(self._rest) >= (end := 4 + struct.unpack_from(">i", self._rest)[0]):
            request, self._rest = self._rest[4:end], self._rest[end:]
            points |= self._understood(request)
        return points

    def hears_answer(self, _chunk: bytes) -> set[str]:
        """Answers say nothing that is needed."""
        return set()

    def _understood(self, request: bytes) -> set[str]:
        key, _, _, length = struct.unpack_from(">hhih", request)
        if length > 0:
            self.speaker = named(request[10 : 10 + length].decode())
        if key == OFFSET_COMMIT:
            return {"before-offsets"}
        if key == PRODUCE:
            return {"before-dead-letter" if b"dead-letters.v1" in request else "before-publish"}
        return set()


class Smtp:
    """Listens to nothing: only the notifier speaks to a mail server."""

    def __init__(self) -> None:
        """Know who it is."""
        self.speaker: tuple[str, int] | None = ("notifier", 0)

    def hears(self, _chunk: bytes) -> set[str]:
        """No point can be told."""
        return set()

    def hears_answer(self, chunk: bytes) -> set[str]:
        """The server has taken the letter when it says so."""
        return {"after-send-before-mark"} if chunk.startswith(b"250 OK: taken") else set()
