"""`sewa expiry`: its verbs, and where they are."""

import typer

from services.cli.expiry_audit import audit
from services.cli.expiry_explain import explain
from services.cli.run_verbs import approve_scan, run, runs, show
from services.cli.simulating import simulate

app = typer.Typer(add_completion=False, no_args_is_help=True)
for verb in (run, runs, show, explain, simulate, audit):
    app.command()(verb)
app.command("approve")(approve_scan)


@app.callback()
def expiry() -> None:
    """Cancel by hand what has lapsed, approve what is held, explain a deadline, try a policy, and check what was recorded."""
