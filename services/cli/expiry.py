"""`sewa expiry run`: what has lapsed is listed, or cancelled while somebody waits for it."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from contracts.values import instant_text
from services.cli.endpoints import answering_database, reach
from services.cli.expiry_audit import audit
from services.cli.expiry_explain import explain
from services.cli.output import AsJson, console, print_json
from services.cli.simulating import simulate
from services.expiry.app import AutoCancelDisabled, ExpirySettings, Summary, run_now
from services.runtime.errors import Halt

SHOWN = 50
app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(simulate)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would be cancelled.")]


@app.callback()
def expiry() -> None:
    """Cancel by hand what has lapsed, explain a deadline, and check what was recorded."""


app.command()(explain)
app.command()(audit)


@app.command()
def run(*, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Cancel every booking that is due right now, and wait until each is answered by the running services.

    Exit code 1: some stayed unanswered for a minute, or AUTO_CANCEL_ENABLED is false.
    """
    summary = cancelled_now(dry_run=dry_run)
    unanswered = 0 if dry_run else len(summary.waiting)
    if as_json:
        print_json({"dry_run": dry_run, **_counted(summary), "unanswered": unanswered})
    elif dry_run:
        _print_due(summary)
    else:
        _print_outcome(summary)
    raise typer.Exit(int(unanswered > 0))


def cancelled_now(*, dry_run: bool) -> Summary:
    """Run the scan by hand on the system that is meant. Raises Halt, KafkaError."""
    reach("database", "kafka")
    settings = ExpirySettings.load()
    screen = console(stderr=True)
    try:
        with answering_database(settings.database_url), screen.status("looking for what is due") as status:
            return asyncio.run(run_now(settings, dry_run=dry_run, progress=lambda s: status.update(_line(s))))
    except AutoCancelDisabled as error:
        raise Halt(str(error)) from error


def _line(summary: Summary) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in summary.counts.items())


def _counted(summary: Summary) -> dict[str, Any]:
    due = [{**asdict(one), "expires_at": instant_text(one.expires_at)} for one in summary.due]
    return {"as_of": instant_text(summary.as_of), **summary.counts, "due": due}


def _print_due(summary: Summary) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("booking", "due since", "status", "category"):
        table.add_column(name, no_wrap=True)
    for one in summary.due[:SHOWN]:
        table.add_row(str(one.booking), instant_text(one.expires_at), one.status, one.category)
    if summary.due:
        console().print(table)
    more = f", the first {SHOWN} shown" if len(summary.due) > SHOWN else ""
    console().print(f"{len(summary.due):,} due at {instant_text(summary.as_of)}{more}; nothing was cancelled (dry run)")


def _print_outcome(summary: Summary) -> None:
    console().print(_line(summary))
    for booking in summary.waiting[:SHOWN]:
        console().print(f"unanswered: {booking}")
