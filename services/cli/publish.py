"""`sewa publish`: messages from a file to their topics."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
import uvloop
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from services.cli.endpoints import reach
from services.cli.output import AsJson, complain, console, explained, print_json
from services.cli.publication import Publication, Report

app = typer.Typer(add_completion=False)
File = Annotated[str, typer.Argument(metavar="FILE|-", help="One message a line; `-` is standard input.")]
Validate = Annotated[bool, typer.Option(help="Hold every line against the contracts first, or send them as they are.")]


@app.command()
def publish(file: File, *, validate: Validate = True, as_json: AsJson = False) -> None:
    """Send messages in the CloudEvents JSON format, one a line, to the topics that carry their types.

    The key is the subject, and the order of lines is kept for each. Bad lines are named on stderr and stop no good ones.
    Exit code 0: all sent; 1: some bad; 2: nothing sent, or broken off. Sending the same lines again changes nothing.
    """
    report = Report()
    try:
        _publish(file, report, validate=validate)
    except KeyboardInterrupt:
        report.failure = "stopped"
    except OSError as error:
        report.failure = f"{file}: {error.strerror or error}"
    except Exception as error:
        report.failure = explained(error)
        if report.failure is None:
            raise
    _tell(report, as_json=as_json)
    raise typer.Exit(report.exit_code)


def _publish(file: str, report: Report, *, validate: bool) -> None:
    with _opened(file) as descriptor, _progress(descriptor) as advance:
        settings = reach("kafka")
        uvloop.run(Publication(settings.kafka, settings.allowed_sources, validate, report, advance).run(descriptor))


@contextmanager
def _opened(file: str) -> Iterator[int]:
    descriptor = sys.stdin.fileno() if file == "-" else os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        if file != "-":
            os.close(descriptor)


@contextmanager
def _progress(descriptor: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal, and yield what moves it on by so many bytes."""
    known = os.fstat(descriptor)
    size = known.st_size if stat.S_ISREG(known.st_mode) else None
    screen = console(stderr=True)
    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=screen, transient=True, disable=not screen.is_terminal
    ) as bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)


def _tell(report: Report, *, as_json: bool) -> None:
    sent, bad = sum(report.sent.values()), len(report.bad)
    if report.failure:
        complain(report.failure)
    elif not (sent or bad):
        complain("there is nothing to send: no line holds a message")
    if as_json:
        print_json({"sent": sent, "bad": bad, "lines": [asdict(line) for line in report.bad]})
        return
    console().print(f"{sent:,} sent, {bad:,} bad")
    for topic, count in sorted(report.sent.items()):
        console().print(f"  {topic:<24}{count:>10,}")
