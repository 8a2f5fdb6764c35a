"""`sewa`, the command line: the list of its verbs. The module of a verb is imported when it is called, since each brings its libraries."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

VERBS = {
    "up": ("everything", "Start everything on this machine, and keep it running."),
    "demo": ("demo.show", "See the whole story in two minutes, on a platform of its own."),
    "run": ("running", "Run one process of one service, in the foreground."),
    "migrate": ("schemas", "Bring the database's schemas to their newest revision."),
    "topics": ("provisioning", "Create the topics that are missing, and list them all."),
    "publish": ("publish", "Send messages from a file, one a line, in the CloudEvents JSON format."),
    "status": ("status", "Show at one glance how the system does."),
    "directory": ("directory", "Say who there is and what they offer, from a file."),
    "top": ("top", "Watch the system at work."),
    "timeline": ("timeline", "Tell what happened to one booking, when, and why."),
    "analytics": ("analytics", "Show rates, revenue, satisfaction and response times of a period."),
    "policy": ("policy_verbs", "Show and change when bookings lapse, and what cancelling costs."),
    "calendar": ("calendar_verbs", "Show, import and publish the days on which nobody works."),
    "expiry": ("expiry", "Cancel by hand what has lapsed, or only list it."),
    "auto-cancel-expired-bookings": ("lapsed", "The same as `sewa expiry run`."),
    "bench": ("bench.verbs", "Measure what the platform does in a second, on durable servers."),
    "dead-letters": ("deadletters", "Show what could not be understood or processed."),
}


class Verbs(TyperGroup):
    """A group that knows its commands by name and imports one when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that `args` begin with."""
        name, _, rest = super().resolve_command(ctx, args)
        module = import_module(f"services.cli.{VERBS[str(name)][0]}")
        return name, get_command(module.app), rest


app = typer.Typer(
    cls=Verbs, no_args_is_help=True, add_completion=False, help="Bookings of SewaBazaar: run the services, feed them, look at them."
)
for verb, (_, summary) in VERBS.items():
    app.command(verb, help=summary)(lambda: None)


def main() -> None:
    """Run the command line. What the user can do something about is one line on stderr and exit code 1, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except Exception as error:
        output = import_module("services.cli.output")
        if (message := output.explained(error)) is None:
            raise
        output.complain(message)
        sys.exit(1)
