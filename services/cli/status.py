"""`sewa status`: at one glance."""

import asyncio

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from services.cli.endpoints import NOTHING, VerbSettings, adopt, without_password
from services.cli.output import AsJson, complain, console, print_json, quiet_logs
from services.cli.picture import Picture, look
from services.runtime.outbox import Backlog

UNKNOWN = "unknown"
app = typer.Typer(add_completion=False)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Show at one glance how the system does. What does not answer is shown as unknown, to programs as null.

    Exit code 1: nothing runs at all.
    """
    quiet_logs()
    record = adopt()
    picture = asyncio.run(look(record, VerbSettings.load()))
    if as_json:
        print_json(picture.as_json())
    elif not picture.nothing_runs:
        console().print(_drawn(picture))
    if picture.nothing_runs:
        complain(NOTHING if not any(picture.endpoints.values()) else "nothing runs: " + "; ".join(picture.problems.values()))
        raise typer.Exit(1)


def _drawn(picture: Picture) -> Group:
    parts = [_processes(picture), _flow(picture), _places(picture)]
    return Group(*(line for part in parts if part.row_count for line in (part, "")))


def _processes(picture: Picture) -> Table:
    table = Table("process", "pid", "port", "", box=None, pad_edge=False, header_style="bold")
    for process in picture.processes:
        ready = Text("ready", "green") if process["ready"] else Text("not ready", "bold red")
        table.add_row(f"{process['name']}.{process['slot']}", str(process["pid"] or "–"), str(process["port"] or "–"), ready)
    return table


def _flow(picture: Picture) -> Table:
    """How much waits where, and the rates."""
    figures, lag = picture.figures, picture.backlogs.lag
    table = Table.grid(padding=(0, 2))
    for group, records in lag.items() if lag is not None else [("of all groups", None)]:
        table.add_row(f"lag {group}", _count(records, "yellow"), "records to read")
    table.add_row("outbox", _count(figures.outbox.pending if figures.outbox else None, "yellow"), _waiting(figures.outbox))
    table.add_row("due", _count(figures.due, "yellow"), "bookings past their deadline")
    if figures.redating:
        redated, total = figures.redating
        table.add_row("dated anew", _count(redated, "yellow"), f"of {total:,} bookings that other policies concern")
    table.add_row("parked", _count(figures.parked, "yellow"), "messages that wait for their booking")
    table.add_row("dead letters", _count(picture.backlogs.dead_letters, "bold red"), "see `sewa dead-letters list`")
    table.add_row("completion", _rate(figures.completion), "of the bookings that ended")
    table.add_row("auto-cancellation", _rate(figures.auto_cancellation), "of the bookings that ended")
    return table


def _waiting(outbox: Backlog | None) -> str:
    oldest = f", the oldest for {outbox.oldest_seconds:.1f} s" if outbox and outbox.pending else ""
    return f"messages that wait to be published{oldest}"


def _count(number: int | None, style: str) -> Text:
    return Text(UNKNOWN, "dim") if number is None else Text(f"{number:,}", style if number else "green", justify="right")


def _rate(rate: str | None) -> Text:
    return Text(f"{rate} %" if rate else "–", justify="right")


def _places(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2))
    shown = {**picture.endpoints, "database": picture.endpoints["database"] and without_password(picture.endpoints["database"])}
    for name, place in {**shown, "e-mails": picture.mail_dir}.items():
        if place:
            table.add_row(name, place, Text(picture.problems.get(name, ""), "bold red"))
    return table
