"""`sewa top`: the system at work, again and again on one screen."""

import asyncio
import signal
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from services.cli.endpoints import NOTHING, VerbSettings, adopt
from services.cli.frame import Frame
from services.cli.output import AsJson, console, print_json, quiet_logs
from services.cli.sight import Eye, Sight
from services.runtime.errors import Halt

MEASURE_SECONDS = 1.0
PIPE_WIDTH = 100
app = typer.Typer(add_completion=False)
Once = Annotated[bool, typer.Option("--once", help="Print one frame and end, as where there is no terminal.")]
Every = Annotated[float, typer.Option(min=0.5, max=3600, metavar="SECONDS", help="How long to wait between two frames.")]


@app.command()
def top(*, once: Once = False, every: Every = 2.0, as_json: AsJson = False) -> None:
    """Watch the system at work until Ctrl-C: what runs, how fast, what waits, the deadlines of the next day, the newest events.

    What does not answer is shown as unknown (–), to programs as null. Exit code 1: nothing runs at all.
    """
    quiet_logs()
    adopt()
    settings = VerbSettings.load()
    if not (settings.database_url or settings.kafka):
        raise Halt(NOTHING)
    screen, eye = console(), Eye(settings)
    if once or as_json or not screen.is_terminal:
        _print_one(asyncio.run(_measured(eye)), as_json=as_json)
    else:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # the terminal is put back then too
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch(eye, every, screen))


async def _measured(eye: Eye) -> Sight:
    """Look twice, since a rate takes two looks."""
    if await eye.feel():
        await asyncio.sleep(MEASURE_SECONDS)
    return await eye.look()


async def _watch(eye: Eye, every: float, screen: Console) -> None:
    with Live(Text("looking …"), console=screen, screen=True, auto_refresh=False) as live:
        while True:
            live.update(Frame(await eye.look(), f"  every {every:g} s, Ctrl-C ends", screen.height), refresh=True)
            await asyncio.sleep(every)


def _print_one(sight: Sight, *, as_json: bool) -> None:
    if as_json:
        print_json(sight.as_json())
    else:
        screen = console()
        screen.print(Frame(sight), width=screen.width if screen.is_terminal else PIPE_WIDTH)
    if sight.picture.nothing_runs:
        raise typer.Exit(1)
