"""`sewa directory load`: people and what they offer, from one file to their topic."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from contracts.actors import Actor
from contracts.cloudevents import Outgoing
from contracts.directory import Directory
from contracts.ids import new_id
from contracts.message import Message
from services.cli.clients import producing
from services.cli.document import Document, Problem, read
from services.cli.endpoints import reach
from services.cli.output import AsJson, complain, console, explained, print_json, printable
from services.cli.sending import Sender
from services.runtime.clock import business_clock

SOURCE, DIRECTORY = "sewabazaar/directory", Actor.system("directory")
app = typer.Typer(add_completion=False, no_args_is_help=True)
File = Annotated[Path, typer.Argument(metavar="FILE", help="One JSON document with the lists people, services, hours and leave.")]


@app.callback()
def directory() -> None:
    """Say who there is and what they offer."""


@dataclass(slots=True)
class Report:
    """A document, how many of its entries Kafka has, and what broke it off."""

    document: Document
    sent: int = 0
    failure: str | None = None


@app.command()
def load(file: File, *, as_json: AsJson = False) -> None:
    """Send people, services, working hours and leave from a JSON document to the directory's topic.

    The whole document is checked first: nothing is sent while anything is wrong with it. What is in the directory already is replaced,
    and nothing is removed. Exit code 0: all sent; 1: something is wrong, or broke it off.
    """
    report = Report(read(file.read_bytes()))
    if report.document.problems:
        report.failure = "nothing was sent: correct the document and load it again"
    elif not report.document.entries:
        report.failure = "there is nothing to send: all lists are empty"
    else:
        _try_to_send(report)
    _tell(report, as_json=as_json)
    raise typer.Exit(int(bool(report.document.problems or report.failure)))


def _try_to_send(report: Report) -> None:
    try:
        settings = reach("kafka")
        now = business_clock(settings.clock_file, settings.env).now()
        with _progress(len(report.document.entries)) as advance:
            uvloop.run(_send(report, settings.kafka, now, advance))
    except Exception as error:
        report.failure = explained(error)
        if report.failure is None:
            raise


async def _send(report: Report, kafka: str, now: datetime, advance: Callable[[int], object]) -> None:
    """Send every entry; one that Kafka refuses is a problem of the document. Raises Halt when it does not answer."""
    entries = report.document.entries

    def refuse(number: int, reason: str) -> None:
        report.document.problems.append(Problem(*entries[number][:2], None, reason))

    async with producing(kafka) as producer:
        sender = Sender(producer, refuse)
        try:
            for number, (_, _, data) in enumerate(entries):
                await sender.send(number, _record(Message(str(new_id()), SOURCE, data.required_subject(), now, DIRECTORY, data)))
                advance(1)
            await sender.finish()
        finally:
            report.sent = sender.acknowledged.total()


def _record(message: Message[Directory]) -> Outgoing:
    return Outgoing(message.topic, message.key(), message.headers(), message.value())


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal, and yield what moves it on by so many entries."""
    screen = console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _tell(report: Report, *, as_json: bool) -> None:
    problems, bad = report.document.problems, report.document.bad
    for problem in problems:
        complain(printable(str(problem)))
    if report.failure:
        complain(report.failure)
    if as_json:
        print_json({"sent": report.sent, "bad": bad, "problems": [asdict(problem) for problem in problems]})
    else:
        console().print(f"{report.sent:,} sent, {bad:,} bad")
