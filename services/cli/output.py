"""What verbs print: for people on a terminal or in a pipe, for programs as JSON; and what went wrong, in plain words."""

import json
import logging
import sys
from typing import Annotated, Any

import structlog
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from services.runtime.errors import Halt

PIPE_WIDTH = 2000
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def console(*, stderr: bool = False) -> Console:
    """Return where to print for people; what goes into a pipe is as wide as it needs to be."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_WIDTH, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print `value` for programs."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def complain(message: str) -> None:
    """Print what went wrong, on stderr."""
    sys.stderr.write(f"sewa: {message}\n")


def printable(text: str) -> str:
    """Return `text` with what could command a terminal escaped: messages come from strangers."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def quiet_logs() -> None:
    """Silence the libraries and our own logs: a verb says itself what matters."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def explained(error: Exception) -> str | None:
    """Return what to tell the user about a failure that is no mistake of ours, else None."""
    if isinstance(error, Halt):
        return str(error)
    if isinstance(error, KafkaError):
        return f"Apache Kafka: {described(error)}"
    if isinstance(error, SQLAlchemyError):
        return f"PostgreSQL: {described(error)}"
    return described(error) if isinstance(error, OSError) else None


def described(error: BaseException) -> str:
    """Return an error in one line."""
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split()) or type(original).__name__
