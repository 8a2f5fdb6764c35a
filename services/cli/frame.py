"""One frame of `sewa top`: lines that fit the terminal, the most important first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from services.cli.bars import axis, bars
from services.cli.output import printable
from services.cli.pulse import Recent
from services.cli.sight import Sight
from services.runtime.outbox import Backlog

UNKNOWN = "–"
GAP = "   "
BAR_ROWS = 3
AXIS_HOURS = 6
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class Frame:
    """Draws what was seen into `height` lines, or as many as it takes; `hint` stands in the first."""

    def __init__(self, sight: Sight, hint: str = "", height: int | None = None) -> None:
        """Draw nothing yet: how wide the terminal is is known when it is drawn."""
        self._sight, self._hint, self._height = sight, hint, height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        for line in [*self._above(options.max_width), *self._events()][: self._height]:
            line.truncate(options.max_width, overflow="ellipsis")
            yield line

    def _above(self, width: int) -> Iterator[Text]:
        """Yield everything but the events."""
        sight, figures, backlogs = self._sight, self._sight.picture.figures, self._sight.picture.backlogs
        yield Text.assemble(("SewaBazaar", "bold"), f"  {sight.now:%Y-%m-%d %H:%M:%S}Z", (self._hint, "dim"))
        yield from flowed([_process(p) for p in sight.picture.processes], width)
        rates = [("commands", sight.rates.commands), ("events", sight.rates.events), ("letters", sight.rates.letters)]
        yield from flowed([_cell(f"{name}/s", None if rate is None else f"{rate:,.1f}") for name, rate in rates], width)
        counts = [_count("parked", figures.parked), _count("due", figures.due), _count("dead letters", backlogs.dead_letters)]
        yield from flowed([*_outbox(figures.outbox), *counts], width)
        completion, auto = figures.completion, figures.auto_cancellation
        yield from flowed([_cell("completion", completion and f"{completion} %"), _cell("auto-cancel", auto and f"{auto} %")], width)
        lags = [_cell("lag", None)] if backlogs.lag is None else [_count(f"lag {group}", lag) for group, lag in backlogs.lag.items()]
        yield from flowed(lags, width)
        yield from (Text(printable(problem), "red") for problem in sight.picture.problems.values())
        yield from _deadlines(sight.ahead)

    def _events(self) -> Iterator[Text]:
        recent = self._sight.recent
        yield Text("latest events", "dim") if recent else _cell("latest events", None if recent is None else "none yet")
        yield from map(self._event, recent or ())

    def _event(self, event: Recent) -> Text:
        booking = printable(event.booking)
        return Text.assemble(
            f"{ago(self._sight.age(event)):>7}  ", f"{printable(event.type):<22} ", (f"{event.version:>3} ", "dim"), booking
        )


def flowed(cells: Sequence[Text], width: int) -> Iterator[Text]:
    """Yield lines of as many cells as fit."""
    line = Text()
    for cell in cells:
        if line and len(line) + len(GAP) + len(cell) > width:
            yield line
            line = Text()
        line = Text.assemble(line, GAP, cell) if line else cell
    if line:
        yield line


def ago(seconds: float) -> str:
    """Return an age in its largest unit."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{seconds // size:.0f} {unit}"


def _process(process: Mapping[str, Any]) -> Text:
    return Text.assemble(f"{process['name']}.{process['slot']} ", ("●", "green") if process["ready"] else ("○", "bold red"))


def _cell(name: str, value: str | None, style: str = "bold") -> Text:
    return Text.assemble((f"{name} ", "dim"), (value or UNKNOWN, style if value else "dim"))


def _count(name: str, number: int | None) -> Text:
    return _cell(name, None if number is None else f"{number:,}", "bold yellow" if number else "bold green")


def _outbox(outbox: Backlog | None) -> list[Text]:
    if outbox is None:
        return [_count("outbox", None), _cell("oldest", None)]
    return [_count("outbox", outbox.pending), _cell("oldest", f"{outbox.oldest_seconds:.1f} s")]


def _deadlines(ahead: list[int] | None) -> Iterable[Text]:
    if ahead is None or not any(ahead):
        yield _cell("deadlines in the next 24 h", None if ahead is None else "none")
    else:
        yield _cell("deadlines in the next 24 h", f"{sum(ahead):,}, {max(ahead):,} in one hour at most")
        yield from (Text(line, "cyan") for line in bars(ahead, BAR_ROWS))
        yield Text(axis(len(ahead), AXIS_HOURS), "dim")
