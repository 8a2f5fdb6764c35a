"""The lines of a file become records: each is held against the contracts, sent in order, and accounted for."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from contracts.cloudevents import Outgoing, parse_line
from contracts.sources import Sources
from contracts.wire import Unreadable
from services.cli.clients import producing
from services.cli.lines import lines
from services.cli.output import printable
from services.cli.sending import Sender
from services.runtime.clock import host_now


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not sent; lines count from 1."""

    line: int
    reason: str


@dataclass(slots=True)
class Report:
    """What became of the lines so far: acknowledged ones by topic, bad ones, and what broke it off."""

    sent: dict[str, int] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    failure: str | None = None

    @property
    def exit_code(self) -> int:
        """0: all sent; 1: some bad; 2: nothing sent, or broken off."""
        return 2 if self.failure or not self.sent else int(bool(self.bad))

    def refuse(self, line: int, reason: str) -> None:
        """Note a bad line, and say so."""
        self.bad.append(BadLine(line, reason))
        sys.stderr.write(f"line {line}: {printable(reason)}\n")


@dataclass(frozen=True, slots=True)
class Publication:
    """Sends the lines of an open file to `kafka`, and tells `advance` how many bytes are behind it."""

    kafka: str
    sources: Sources
    validate: bool
    report: Report
    advance: Callable[[int], object]

    async def run(self, descriptor: int) -> None:
        """Send everything. Raises Halt when Kafka does not answer, and OSError when the file cannot be read."""
        number = 0
        async with producing(self.kafka) as producer:
            sender = Sender(producer, self.report.refuse)
            try:
                async for chunk in lines(descriptor):
                    await self._send(sender, number, chunk)
                    number += len(chunk)
                await sender.finish()
            finally:
                self.report.sent = dict(sender.acknowledged)

    async def _send(self, sender: Sender, before: int, chunk: list[bytes]) -> None:
        instant = host_now()
        for number, line in enumerate(chunk, before + 1):
            if line.strip() and (record := self._record(number, line, instant)):
                await sender.send(number, record)
            self.advance(len(line) + 1)

    def _record(self, number: int, line: bytes, instant: datetime) -> Outgoing | None:
        try:
            return parse_line(line, sources=self.sources, host_now=instant, validate=self.validate)
        except Unreadable as problem:
            self.report.refuse(number, f"{problem.reason}: {problem.error}")
            return None
