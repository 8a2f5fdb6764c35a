"""The verbs of `sewa expiry` about runs: what has lapsed is listed or cancelled, and what was held is approved."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from contracts.actors import Actor
from contracts.values import instant_text
from services.cli.output import AsJson, console, print_json
from services.cli.runs import asked_for, begin, done, let_go, operator, outcome, whole
from services.expiry.reports import FullReport, Mode, Preview, Report, RunRequest, Status, preview, reports

SHOWN = 50
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would be cancelled.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="INSTANT", help="What has lapsed then; later than now in a dry run only.")]
Limit = Annotated[int | None, typer.Option(help="Only the first so many, 1 to 10000.")]
Category = Annotated[str | None, typer.Option(help="Only the bookings of one category.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="maintenance: stuck ones too, and `maintenance` as the reason.")]
Force = Annotated[bool, typer.Option("--force", help="Though AUTO_CANCEL_ENABLED is false. It does not lift the breaker.")]
Reason = Annotated[str | None, typer.Option(help="Why, 10 to 500 characters; needed with --force and for maintenance.")]
By = Annotated[UUID | None, typer.Option(help="Id of the admin who acts; default one that is derived from the user's name.")]
StatusOption = Annotated[Status | None, typer.Option("--status", help="Only those that stand so.")]
RunId = Annotated[UUID, typer.Argument(metavar="RUN")]
ScanId = Annotated[UUID, typer.Argument(metavar="SCAN_ID")]


def run(  # noqa: PLR0913 - one for each option
    *,
    dry_run: DryRun = False,
    as_of: AsOf = None,
    limit: Limit = None,
    category: Category = None,
    mode: ModeOption = "expired",
    force: Force = False,
    reason: Reason = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Cancel every booking that is due, and wait until each is answered by the running services.

    Exit code 1: some stayed unanswered for a minute, the run is held until it is approved, or AUTO_CANCEL_ENABLED is false.
    """
    request = asked_for(dry_run=dry_run, as_of=as_of, limit=limit, category=category, mode=mode, force=force, reason=reason)
    if dry_run:
        foreseen = done(lambda connection, settings, now: preview(connection, settings, request, now))
        _print_plain(foreseen) if as_json else _print_preview(foreseen)
        return
    found = cancelled_now(request, operator(by))
    if as_json:
        print_json({"dry_run": False, **found.model_dump(mode="json"), "unanswered": found.unanswered})
    else:
        _print_report(found)
    raise typer.Exit(int(found.status != "done"))


def cancelled_now(request: RunRequest, by: Actor) -> FullReport:
    """Carry a run out on the system that is meant, its id and its progress on stderr. Raises Halt."""
    screen = console(stderr=True)
    with screen.status("looking for what is due") as status:
        run_id = begin(request, by).run
        screen.print(f"run {run_id}")
        return outcome(run_id, lambda found: status.update(_line(found)))


def runs(*, status: StatusOption = None, as_json: AsJson = False) -> None:
    """List the newest runs, and the scans that were held."""
    found = done(lambda connection, _settings, _now: reports(connection, status))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    for one in () if as_json else found:
        console().print(f"{one.run}  {one.kind:6}  {_line(one)}, as of {instant_text(one.as_of)}")


def show(run_id: RunId, *, as_json: AsJson = False) -> None:
    """Show one run, or a held scan, with every booking."""
    found = whole(run_id)
    _print_plain(found) if as_json else _print_report(found)


def approve_scan(scan_id: ScanId, *, by: By = None, as_json: AsJson = False) -> None:
    """Let a scan or a run that is held go on. What changed since is skipped; approving again changes nothing."""
    started = let_go(scan_id, operator(by))
    _print_plain(started) if as_json else console().print(f"{started.run}: {started.status}")


def _print_plain(answer: Any) -> None:
    print_json(answer.model_dump(mode="json"))


def _line(found: Report) -> str:
    counts = found.counts
    return f"{found.status}: {counts.found:,} found, {counts.cancelled:,} cancelled, {counts.rejected:,} rejected"


def _print_table(rows: Sequence[tuple[str, ...]], *names: str) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows[:SHOWN]:
        table.add_row(*row)
    if rows:
        console().print(table)
    if len(rows) > SHOWN:
        console().print(f"the first {SHOWN} shown; --json has all")


def _print_preview(found: Preview) -> None:
    rows = [(str(o.booking), instant_text(o.expires_at), o.status, o.category, str(o.total_amount or "")) for o in found.results]
    _print_table(rows, "booking", "due since", "status", "category", "amount")
    worth = f"{found.currency} {found.total_amount}"
    console().print(f"{found.count:,} due at {instant_text(found.as_of)}, {worth}; nothing was cancelled (dry run)")


def _print_report(found: FullReport) -> None:
    rows = [(str(one.booking), instant_text(one.expires_at), one.outcome, one.code or "") for one in found.results]
    _print_table(rows, "booking", "due since", "outcome", "code")
    console().print(f"run {found.run} as of {instant_text(found.as_of)}")
    console().print(_line(found))
    if found.status == "waiting_approval":
        console().print(f"held, since it would cancel more than the breaker lets through; to let it go on: sewa expiry approve {found.run}")
