"""`sewa run`: one process of one service, until a signal."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
import uvloop

from services.cli.endpoints import adopt
from services.cli.known import SERVICES, Known
from services.cli.output import complain
from services.runtime.errors import Halt, Misconfigured
from services.runtime.logs import configure_logging
from services.runtime.process import Process

GARBAGE = 20_000
app = typer.Typer(add_completion=False)


@app.command()
def run(service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]) -> None:
    """Run one process of a service in the foreground until SIGTERM or Ctrl-C; then it finishes what it has begun.

    SEWA_SLOT tells the copies of a service apart. Exit code 78 means that a setting is wrong and that starting again changes nothing.
    """
    if service not in SERVICES:
        complain(f"there is no service {service!r}; known are {', '.join(SERVICES)}")
        raise typer.Exit(2)
    adopt()
    try:
        start(SERVICES[service])
    except Halt as failure:
        complain(str(failure))
        raise typer.Exit(os.EX_CONFIG if isinstance(failure, Misconfigured) else 1) from failure


def start(service: Known) -> None:
    """Run `service` until it is stopped. Raises Halt."""
    settings = service.settings.load()
    configure_logging(service.name, settings.slot, settings.log_level, settings.log_format)
    os.nice(service.niceness)
    uvloop.run(_until_signal(partial(service.build, settings)))


async def _until_signal(build: Callable[[], Process]) -> None:
    process = build()
    _collect_seldom()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, process.stopping.set)
    await process.run()


def _collect_seldom() -> None:
    """Have garbage looked for once in some batches, and never among what the start has made: a batch makes thousands of objects at once."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 100)
