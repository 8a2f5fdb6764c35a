"""`sewa bench`: what the whole platform does in a second, on durable servers of its own, as one line of JSON."""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated

import typer

from services.cli.bench import runs
from services.cli.demo.stage import Stage, staged
from services.cli.output import complain, print_json, quiet_logs
from services.runtime.clock import host_now

app = typer.Typer(add_completion=False, no_args_is_help=True)
Many = Annotated[int, typer.Option(min=1)]
Workers = Annotated[int, typer.Option(min=1, help="Copies of the booking service.")]
Copies = Annotated[bool, typer.Option("--copies", help="Deliver every tenth command twice.")]
Run = Callable[[Stage, datetime], Awaitable[Mapping[str, float]]]


@app.callback()
def bench() -> None:
    """Measure what the platform does in a second. Each run has servers of its own, and fails unless every effect is there once."""


@app.command()
def ingest(*, commands: Many = 20_000, workers: Workers = 1, copies: Copies = False) -> None:
    """Create bookings: from the first command sent to the last event published."""
    given = {"commands": commands, "workers": workers, "copies": copies}
    _measure("ingest", given, workers, lambda stage, opens: runs.ingest(stage, opens, commands, copies=copies))


@app.command()
def expiry(*, due: Many = 20_000, others: Annotated[int, typer.Option("--open", min=0)] = 100_000, workers: Workers = 1) -> None:
    """Let bookings lapse: from the first command emitted to the last event published and the last row in the send ledger."""
    _measure(
        "expiry", {"due": due, "open": others, "workers": workers}, workers, lambda stage, opens: runs.expiry(stage, opens, due, others)
    )


def _measure(name: str, given: Mapping[str, object], workers: int, run: Run) -> None:
    quiet_logs()
    opens, load = host_now(), os.getloadavg()[0]
    with staged(opens, lambda _: None, {"SEWA_BOOKING_COPIES": str(workers)}) as stage:
        complain(f"bench {name}: the platform is up")
        began = time.monotonic()
        figures = asyncio.run(_awaited(run, stage, opens))
        whole = round(time.monotonic() - began, 1)
    machine = {"cores": os.cpu_count(), "load_before": load, "load_after": os.getloadavg()[0], "python": platform.python_version()}
    print_json({"bench": name, **given, **figures, "verified": True, "whole_seconds": whole, **machine})


async def _awaited(run: Run, stage: Stage, opens: datetime) -> Mapping[str, float]:
    return await run(stage, opens)
