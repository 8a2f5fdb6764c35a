"""`sewa bench`: what the whole platform does in a second, on durable servers of its own, as one line of JSON."""

import asyncio
import os
import platform
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated

import typer

from services.cli.bench import redate as redates, runs, scan as scans
from services.cli.demo.stage import Stage, own_folder, staged
from services.cli.output import complain, print_json, quiet_logs
from services.cli.plan import copies_of
from services.runtime.clock import host_now
from services.runtime.embedded.postgres import start_postgres

app = typer.Typer(add_completion=False, no_args_is_help=True)
POLL_SECONDS = 1.0
BESIDE = ("directory", "payments")
Many = Annotated[int, typer.Option(min=1)]
Workers = Annotated[int, typer.Option(min=1, help="Copies of the booking service.")]
Core = Annotated[bool, typer.Option("--core", help="Run booking, expiry and notifier alone: who else reads the events stays away.")]
Copies = Annotated[bool, typer.Option("--copies", help="Deliver every tenth command twice.")]
Figures = Mapping[str, object]
Run = Callable[[Stage, datetime], Awaitable[Figures]]


@app.callback()
def bench() -> None:
    """Measure what the platform does in a second. Each run has servers of its own, and fails unless every effect is there once."""
    quiet_logs()


@app.command()
def ingest(*, commands: Many = 20_000, workers: Workers = 1, copies: Copies = False, core: Core = False) -> None:
    """Create bookings: from the first command sent to the last event published."""
    given = {"commands": commands, "workers": workers, "copies": copies, "core": core}
    settings = _copies(workers, core=core)
    _report("ingest", given, lambda: _staged(settings, lambda stage, opens: runs.ingest(stage, opens, commands, copies=copies)))


@app.command()
def expiry(
    *, due: Many = 20_000, others: Annotated[int, typer.Option("--open", min=0)] = 100_000, workers: Workers = 1, core: Core = False
) -> None:
    """Let bookings lapse: from the first command emitted to the last event published and the last row in the send ledger."""
    given = {"due": due, "open": others, "workers": workers, "core": core}
    settings = _copies(workers, core=core)
    _report("expiry", given, lambda: _staged(settings, lambda stage, opens: runs.expiry(stage, opens, due, others)))


@app.command()
def latency(*, rate: Annotated[float, typer.Option(min=0.1, max=10_000)] = 100, seconds: Many = 30, workers: Workers = 1) -> None:
    """Let bookings lapse one by one, so many a second: from the deadline to the row in the send ledger, in seconds."""
    number = max(2, round(rate * seconds))
    given = {"rate": rate, "bookings": number, "workers": workers}
    settings = _copies(workers)
    _report("latency", given, lambda: _staged(settings, lambda stage, opens: runs.latency(stage, opens, rate, number, POLL_SECONDS)))


@app.command()
def scan(*, sizes: Annotated[str, typer.Option("--open", help="Numbers of open bookings.")] = "1e5,1e6,1e7", rounds: Many = 20) -> None:
    """Scan for what is due among few and many open bookings: milliseconds of a step, and how many times longer it takes among most."""
    numbers = _numbers(sizes)
    _report("scan", {"open": numbers, "rounds": rounds}, lambda: _scanned(numbers, rounds))


@app.command()
def redate(*, number: Annotated[int, typer.Option("--open", min=1000)] = 1_000_000) -> None:
    """Change the policy of so many open bookings: until the last of them follows, with the scan at work meanwhile."""
    _report("redate", {"open": number}, lambda: _on_own_server(lambda url: redates.redate(url, number)))


def _numbers(sizes: str) -> list[int]:
    try:
        numbers = sorted({int(float(size)) for size in sizes.split(",")})
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"expected numbers like 1e5,1e6, not {sizes}") from error
    if numbers[0] < scans.FEWEST:
        raise typer.BadParameter(f"expected {scans.FEWEST} or more")
    return numbers


def _copies(workers: int, *, core: bool = False) -> dict[str, str]:
    return {copies_of("booking"): str(workers)} | ({copies_of(name): "0" for name in BESIDE} if core else {})


def _staged(settings: Mapping[str, str], run: Run) -> Figures:
    opens = host_now()
    with staged(opens, lambda _: None, {**settings, "SEWA_EXPIRY_SCAN_SECONDS": str(POLL_SECONDS)}) as stage:
        complain("bench: the platform is up")
        return asyncio.run(_awaited(run, stage, opens))


def _scanned(sizes: list[int], rounds: int) -> Figures:
    return _on_own_server(lambda url: asyncio.run(scans.scan(scans.databases(url, sizes), host_now(), rounds)))


def _on_own_server(measure: Callable[[str], Figures]) -> Figures:
    with own_folder() as home:
        server = start_postgres(home)
        try:
            return measure(server.url)
        finally:
            server.stop()


def _report(name: str, given: Figures, measure: Callable[[], Figures]) -> None:
    load, began = os.getloadavg()[0], time.monotonic()
    figures = measure()
    whole = round(time.monotonic() - began, 1)
    machine = {"cores": os.cpu_count(), "load_before": load, "load_after": os.getloadavg()[0], "python": platform.python_version()}
    print_json({"bench": name, **given, **figures, "verified": True, "whole_seconds": whole, **machine})


async def _awaited(run: Run, stage: Stage, opens: datetime) -> Figures:
    return await run(stage, opens)
