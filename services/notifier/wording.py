"""How instants and amounts are written in each language, with the calendar and the digits that its readers expect."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal

DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")


@dataclass(frozen=True, slots=True)
class Style:
    """Patterns of one language (Unicode TR 35), the names of UTC and of our own currency, and digits that stand for 0–9."""

    whole: str
    short: str
    number: str
    utc: str = "UTC"
    npr: str = "NPR"
    digits: dict[int, int] | None = None


STYLES = {
    "en": Style("EEEE d MMMM y, HH:mm", "EEE d MMM y, HH:mm", "#,##0.00"),
    "ne": Style("EEEE, d MMMM y, HH:mm", "EEE, d MMM y, HH:mm", "#,##,##0.00", "यूटीसी", "रु.", DEVANAGARI),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """Writes for readers of `language` whose clocks show `zone`."""

    language: str
    zone: ZoneInfo

    def in_full(self, instant: datetime) -> str:
        """Return an instant with its weekday and its offset: `Saturday 17 October 2026, 10:00 (UTC+05:45)`."""
        local = instant.astimezone(self.zone)
        return self.digits(f"{self._formatted(local, self._style.whole)} ({self._style.utc}{local.isoformat()[-6:]})")

    def short(self, instant: datetime) -> str:
        """Return an instant for a subject line: `Sat 17 Oct 2026, 10:00`."""
        return self.digits(self._formatted(instant.astimezone(self.zone), self._style.short))

    def money(self, amount: Decimal, currency: str) -> str:
        """Return an amount that does not break across lines: `NPR 1,500.00`."""
        name = self._style.npr if currency == "NPR" else currency
        return self.digits(f"{name}\N{NO-BREAK SPACE}{format_decimal(amount, self._style.number, locale(self.language))}")

    def digits(self, text: str) -> str:
        """Return `text` with the digits of the language."""
        return text.translate(self._style.digits) if self._style.digits else text

    def _formatted(self, local: datetime, pattern: str) -> str:
        return str(format_datetime(local, pattern, locale=locale(self.language)))

    @property
    def _style(self) -> Style:
        return STYLES[self.language]


@cache
def locale(language: str) -> Locale:
    """Return what Babel knows of `language`."""
    return Locale.parse(language)
