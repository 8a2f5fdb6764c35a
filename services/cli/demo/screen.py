"""What the spectator sees: the act in a sentence, the clock, how many bookings stand where, what happens, and who is written to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.demo.audience import Audience
from services.cli.demo.cast import ZONE

BAR = 24
SHOWN: Mapping[str, str] = {
    "created": "white",
    "pending": "yellow",
    "confirmed": "cyan",
    "awaiting_confirmation": "blue",
    "completed": "green",
    "cancelled": "red",
}


@dataclass(slots=True)
class Scene:
    """The frame of this moment."""

    audience: Audience
    title: str = ""
    text: str = ""
    clock: datetime | None = None

    def __rich__(self) -> RenderableType:
        """Draw it."""
        clock = f"{self.clock.astimezone(ZoneInfo(ZONE)):%A %d %B, %H:%M} in Kathmandu" if self.clock else ""
        head = Panel(Text(self.text), title=Text(self.title, "bold"), subtitle=Text(clock, "bold magenta"))
        return Group(head, self._bookings(), Text(), *self._lines("events", self.audience.said), Text(), *self._mail())

    def _bookings(self) -> Table:
        counts, total = self.audience.counts, len(self.audience.stories)
        table = Table.grid(padding=(0, 1))
        for status, colour in SHOWN.items():
            filled = round(BAR * counts[status] / total)
            table.add_row(status, Text("█" * filled + "·" * (BAR - filled), colour), Text(str(counts[status]), justify="right"))
        return table

    @staticmethod
    def _lines(name: str, lines: object) -> list[Text]:
        return [Text(name, "bold"), *(Text(f"  {line}", no_wrap=True, overflow="ellipsis") for line in lines)]  # type: ignore[attr-defined]

    def _mail(self) -> list[Text]:
        return self._lines(f"e-mails: {self.audience.letters_sent}", self.audience.letters)
