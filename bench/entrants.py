"""What takes part: the platform's own benchmarks, and the peers. A run gives one line of figures, or fails unless its outcome is right."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import design
from bench.servers import Servers, serving

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / ".venv" / "peers"
LONGEST_SECONDS = 900
Line = dict[str, Any]
Step = Callable[[Servers], Awaitable[None]]


class Failed(Exception):  # noqa: N818 - what happened
    """A run did not end well."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One side of a comparison: `run` measures it once."""

    name: str
    command: str
    run: Callable[[], Line]


def ours(name: str, *arguments: str) -> Entrant:
    """Return a benchmark of the platform: `sewa bench` with `arguments`."""
    argv = (sys.executable, "-m", "services.cli", "bench", *arguments)
    return Entrant(name, f"sewa bench {' '.join(arguments)}", lambda: _json(argv, {}))


def expiring(name: str, group: str, module: tuple[str, ...], due: int, others: int) -> Entrant:
    """Return a peer that cancels `due` bookings that lapsed among `others`."""

    async def prepare(servers: Servers) -> None:
        await servers.create_topic()
        async with servers.connected() as connection:
            await design.populate(connection, due, others)

    async def check(servers: Servers) -> None:
        async with servers.connected() as connection:
            await design.demand(connection, design.CANCELLED, due + others)
        if group == "limit":
            design.demand_records(await servers.records(), due, 1)

    return _peer(name, group, module, {"due": due, "open": others}, prepare, check)


def ingesting(name: str, group: str, module: tuple[str, ...], number: int) -> Entrant:
    """Return a peer that creates `number` bookings with two events each."""

    async def prepare(servers: Servers) -> None:
        await servers.create_topic()
        async with servers.connected() as connection:
            await design.populate(connection, 0, 0)

    async def check(servers: Servers) -> None:
        async with servers.connected() as connection:
            await design.demand(connection, design.CREATED, number)
        design.demand_records(await servers.records(), number, 2)

    return _peer(name, group, module, {"commands": number}, prepare, check)


def floor(kind: str, given: Mapping[str, int]) -> Entrant:
    """Return what the messages of so many bookings take by themselves."""

    async def nothing(_servers: Servers) -> None:
        """No table, and no outcome but the messages, which it counts itself."""

    return _peer(f"floor_{kind}", None, ("bench.floor", kind), given, nothing, nothing)


def _peer(name: str, group: str | None, module: tuple[str, ...], given: Mapping[str, int], prepare: Step, check: Step) -> Entrant:
    argv = (str(ENVIRONMENTS / group / "bin" / "python") if group else sys.executable, "-m", *module)
    number = given.get("due") or given["commands"]

    def run() -> Line:
        load = os.getloadavg()[0]
        with serving() as servers:
            asyncio.run(_awaited(prepare, servers))
            seconds = _json(argv, {**servers.environment, "BENCH_NUMBER": str(number)})["seconds"]
            asyncio.run(_awaited(check, servers))
        figures = {"seconds": round(seconds, 3), "per_second": round(number / seconds, 1)}
        return {"bench": name, **given, **figures, "verified": True, "load_before": load, "load_after": os.getloadavg()[0]}

    return Entrant(name, f"python -m {' '.join(module)}", run)


def _json(argv: tuple[str, ...], environment: Mapping[str, str]) -> Line:
    """Run a program of this repository and return the line of JSON that it prints. Raises Failed."""
    ran = subprocess.run(
        argv, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    if ran.returncode:
        raise Failed(f"{' '.join(argv)} ended with status {ran.returncode}:\n{(ran.stdout + ran.stderr)[-2000:]}")
    line: Line = json.loads(ran.stdout)
    return line


async def _awaited(step: Step, servers: Servers) -> None:
    await step(servers)
