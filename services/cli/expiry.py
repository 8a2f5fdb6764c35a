"""`sewa expiry`: its verbs, and where they are."""

import typer

from services.cli.run_verbs import approve_scan, run, runs, show
from services.cli.simulating import simulate

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(run)
app.command()(runs)
app.command()(show)
app.command("approve")(approve_scan)
app.command()(simulate)


@app.callback()
def expiry() -> None:
    """Cancel by hand what has lapsed, or only list it; look at runs, and approve one that is held."""
