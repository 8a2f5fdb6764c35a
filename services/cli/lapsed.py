"""`sewa auto-cancel-expired-bookings`: another name for `sewa expiry run`."""

import typer

from services.cli.run_verbs import run

app = typer.Typer(add_completion=False)
app.command()(run)
