"""Options that several verbs share by name: the fields of a policy, and what is said of it besides."""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer

from contracts.values import parse_instant
from services.cli.output import complain
from services.expiry.reports import NotAcceptable, Problem

Given = Mapping[str, str]
NOTHING = "none"
FIELDS = {
    "grace_hours": "Hours from booking_date to the deadline.",
    "quiet_hours": f"Hours that the last status update keeps a booking alive; `{NOTHING}`: as many as the grace hours.",
    "adjust": "What days off do: none, roll_forward or pause.",
    "timezone": "IANA zone of local days.",
    "calendar": f"The calendar of days off; `{NOTHING}`: the one that comes with the service.",
    "pin": "live: open bookings follow; at_creation: only bookings made from then on.",
    "reminders": "Hours before a pending request lapses, such as 24,2.",
    "cancel_fee_percent": "What a customer pays who cancels late.",
    "free_cancel_hours": "Until how many hours before the start a customer cancels free of charge.",
    "no_show_fee_percent": "What a customer pays who does not come.",
}
TEXTS = {"adjust", "timezone", "calendar", "pin"}
WRONG = 2


def takes(options: Mapping[str, str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb an option of text for each of `options` (help by name), and hand it those that are used as `given`."""
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, typer.Option(help=help_)])
        for name, help_ in options.items()
    ]

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        def called(**arguments: Any) -> None:
            texts = {name: arguments.pop(name) for name in options}
            verb(given={name: text for name, text in texts.items() if text is not None}, **arguments)

        own = inspect.signature(verb)
        kept = [parameter for parameter in own.parameters.values() if parameter.name != "given"]
        called.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined] # typer reads it
        called.__doc__, called.__name__ = verb.__doc__, verb.__name__
        return called

    return decorate


@contextmanager
def refusals() -> Iterator[None]:
    """Tell what is wrong with the fields that were given, a line each, and end with exit code 2."""
    try:
        yield
    except NotAcceptable as error:
        for problem in error.problems:
            complain(str(problem))
        raise typer.Exit(WRONG) from error


def terms(given: Given) -> dict[str, object]:
    """Return the fields of a policy among `given`, as JSON has them; what is no number stays text, for the contract to refuse."""
    return {name: _value(name, text) for name, text in given.items() if name in FIELDS}


def _value(name: str, text: str) -> object:
    if name == "reminders":
        return [_number(part) for part in text.split(",") if part.strip()]
    if text == NOTHING and name in {"quiet_hours", "calendar"}:
        return None
    return text if name in TEXTS else _number(text)


def _number(text: str) -> object:
    try:
        number = json.loads(text)
    except ValueError:
        return text
    return number if type(number) in {int, float} else text


def instant(given: Given, name: str) -> datetime | None:
    """Return the instant among `given`. Raises NotAcceptable."""
    try:
        return parse_instant(given[name]) if name in given else None
    except ValueError as error:
        raise NotAcceptable(Problem(name, str(error))) from error


def whole(given: Given, name: str) -> int | None:
    """Return the whole number among `given`. Raises NotAcceptable."""
    try:
        return int(given[name]) if name in given else None
    except ValueError as error:
        raise NotAcceptable(Problem(name, "should be a whole number")) from error
