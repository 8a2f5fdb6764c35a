"""The state of the whole system, gathered at once; what does not answer is unknown, and no reason to fail."""

import asyncio
import os
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from services.cli.endpoints import VARIABLES, VerbSettings, answering_database
from services.cli.figures import Figures, figures
from services.cli.greeting import is_ready
from services.cli.known import SERVICES
from services.cli.lag import Backlogs, backlogs
from services.cli.output import described
from services.runtime.clock import business_clock
from services.runtime.errors import Halt

T = TypeVar("T")
ANSWER_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Picture:
    """What `sewa status` shows; `problems` say in words why a server's part is unknown."""

    processes: Sequence[Mapping[str, Any]]
    figures: Figures
    backlogs: Backlogs
    endpoints: Mapping[str, str | None]
    mail_dir: str | None
    problems: Mapping[str, str]

    @property
    def nothing_runs(self) -> bool:
        """Whether no process is ready and no server answers."""
        return len(self.problems) == len(("database", "kafka")) and not any(process["ready"] for process in self.processes)

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it; null is unknown."""
        known, outbox = self.figures, self.figures.outbox
        return {
            "processes": self.processes,
            "lag": self.backlogs.lag,
            "outbox": {
                "pending": outbox.pending if outbox else None,
                "oldest_seconds": round(outbox.oldest_seconds, 3) if outbox else None,
            },
            "due": known.due,
            "dead_letters": self.backlogs.dead_letters,
            "parked": known.parked,
            "rates": {"completion": known.completion, "auto_cancellation": known.auto_cancellation},
            "endpoints": self.endpoints,
            "mail_dir": self.mail_dir,
        }


async def look(record: Mapping[str, Any], settings: VerbSettings) -> Picture:
    """Look at everything at once; `record` is what `sewa up` has written down, or empty."""
    problems: dict[str, str] = {}
    processes, database, kafka = await asyncio.gather(
        _probed(record.get("processes", [])),
        _tried("database", _figures(settings), problems),
        _tried("kafka", _backlogs(settings), problems),
    )
    endpoints = {name: os.environ.get(variable) or None for name, variable in VARIABLES.items()}
    http = record.get("endpoints", {}).get("http")
    return Picture(processes, database or Figures(), kafka or Backlogs(), {**endpoints, "http": http}, record.get("mail_dir"), problems)


async def _tried(part: str, answer: Awaitable[T], problems: dict[str, str]) -> T | None:
    try:
        return await asyncio.wait_for(answer, ANSWER_SECONDS)
    except (Halt, KafkaError, TimeoutError) as error:
        problems[part] = described(error)
        return None


async def _figures(settings: VerbSettings) -> Figures:
    if not settings.database_url:
        raise Halt("DATABASE_URL is not set")
    with answering_database(settings.database_url):
        return await figures(settings.database_url, business_clock(settings.clock_file, settings.env).now())


async def _backlogs(settings: VerbSettings) -> Backlogs:
    if not settings.kafka:
        raise Halt("KAFKA_BOOTSTRAP_SERVERS is not set")
    return await backlogs(settings.kafka, SERVICES)


async def _probed(processes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the recorded processes with whether each says that it is ready."""
    ready = await asyncio.gather(*(asyncio.to_thread(_is_ready, process["pid"], process["port"]) for process in processes))
    return [{**process, "ready": answer} for process, answer in zip(processes, ready, strict=True)]


def _is_ready(pid: int | None, port: int | None) -> bool:
    return pid is not None and port is not None and _lives(pid) and is_ready(port)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
