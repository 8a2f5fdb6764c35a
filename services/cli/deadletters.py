"""`sewa dead-letters`: what could not be understood or processed, and why."""

import asyncio
from typing import Annotated, Any

import typer
from rich.text import Text

from contracts.deadletters import REASONS
from services.cli.burials import Buried, find_letter, read_letters
from services.cli.endpoints import reach
from services.cli.output import AsJson, console, print_json, printable
from services.runtime.errors import Halt

SHOWN = 50
app = typer.Typer(add_completion=False, no_args_is_help=True)
Reason = Annotated[str | None, typer.Option(help=f"Only those for one reason: {', '.join(REASONS)}.")]
Origin = Annotated[str | None, typer.Option("--topic", help="Only those that came from one topic.")]
Limit = Annotated[int | None, typer.Option(min=1, help=f"Only the newest so many. Default: {SHOWN} for people, all for programs.")]


@app.callback()
def dead_letters() -> None:
    """Show what could not be understood or processed: the original message, where it stood, and why nobody could act on it."""


@app.command("list")
def list_letters(*, reason: Reason = None, topic: Origin = None, limit: Limit = None, as_json: AsJson = False) -> None:
    """List dead letters, the newest first."""
    found = asyncio.run(read_letters(reach("kafka").kafka, lambda letter: _wanted(letter, reason, topic)))
    found.sort(key=lambda letter: (letter.headers.get("x-dlq-at", ""), letter.id), reverse=True)
    shown = found[: limit or (None if as_json else SHOWN)]
    if as_json:
        print_json([letter.summary for letter in shown])
        return
    for letter in shown:
        _print_summary(letter.summary)
    console().print(f"{len(found):,} dead letters" + (f", the newest {len(shown):,} shown" if len(shown) < len(found) else ""))


def _wanted(letter: Buried, reason: str | None, topic: str | None) -> bool:
    return reason in {None, letter.headers.get("x-dlq-reason")} and topic in {None, letter.headers.get("x-src-topic")}


def _print_summary(summary: dict[str, Any]) -> None:
    known = {name: printable(str(value)) if value is not None else "–" for name, value in summary.items()}
    place = f"{known['topic']}[{known['partition']}]@{known['offset']}"
    _print(Text.assemble((known["id"], "bold"), f"  {known['at']}  ", (known["reason"], "yellow"), f"  {place}"))
    _print(f"    {known['ce_type']}  key {known['key']}")
    _print(Text(f"    {known['error']}", "dim"))


@app.command()
def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], *, as_json: AsJson = False) -> None:
    """Show one dead letter whole: its origin, all headers and the value. What is not UTF-8 is shown as base64."""
    letter = asyncio.run(find_letter(reach("kafka").kafka, letter_id))
    if letter is None:
        message = f"there is no dead letter {letter_id}: `sewa dead-letters list` has the ids"
        raise Halt(message)
    if as_json:
        print_json(letter.whole)
        return
    for name, value in letter.summary.items():
        _print_pair(name, value)
    _print(Text("\nheaders", "bold"))
    for header in letter.whole["headers"]:
        _print_pair(header["name"], header["value"])
    _print(Text("\nvalue", "bold"))
    _print(printable(letter.whole["value"]["value"] or "–"))


def _print_pair(name: str, value: object) -> None:
    _print(Text.assemble((f"{printable(name):<20}", "dim"), " ", printable(str(value)) if value is not None else "–"))


def _print(line: str | Text) -> None:
    console().print(line, soft_wrap=True)
