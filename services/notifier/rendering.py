"""Turns a letter into words: in the recipient's language and time zone, as plain text and as escaped HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.notifier.facts import Person
from services.notifier.ledger import Delivery
from services.notifier.letters import LETTERS
from services.notifier.wording import STYLES, Wording

TEMPLATES = Path(__file__).parent / "templates"
DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in words; `title` is a single line, `links` are (relation, address)."""

    title: str
    text: str
    html: str
    links: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders letters with links below `public_url`; `timezone` is for people who have named none."""

    public_url: str
    timezone: str

    def render(self, delivery: Delivery) -> Rendered:
        """Return `delivery` in words, from what is known of its booking now."""
        wording, links = self._wording(delivery.recipient), self._links(delivery)
        facts = {**_parties(delivery), **_booking(delivery, wording), **_details(delivery, wording), "links": links}
        text, html = (_environment(wording.language, kind).get_template(f"{delivery.key.template}.j2") for kind in ("txt", "html"))
        title = "".join(text.blocks["title"](text.new_context(facts)))
        return Rendered(one_line(title), text.render(facts), html.render(facts), links)

    def _wording(self, recipient: Person | None) -> Wording:
        language = (recipient and recipient.language) or DEFAULT_LANGUAGE
        zone = ZoneInfo((recipient and recipient.timezone) or self.timezone)
        return Wording(language if language in STYLES else DEFAULT_LANGUAGE, zone)

    def _links(self, delivery: Delivery) -> list[tuple[str, str]]:
        booking = f"{self.public_url.rstrip('/')}/bookings/{delivery.booking.id}"
        return [("booking", booking), *([("rebook", f"{booking}/rebook")] if LETTERS[delivery.key.template].rebook else [])]


def _parties(delivery: Delivery) -> Mapping[str, object]:
    recipient, people, booking = delivery.recipient, delivery.people, delivery.booking
    return {
        "name": one_line((recipient and recipient.name) or ""),
        "customer": short_name(people.get(booking.customer)),
        "provider": short_name(people.get(booking.provider)),
        "service": one_line(delivery.service or booking.category),
    }


def _booking(delivery: Delivery, wording: Wording) -> Mapping[str, object]:
    booking = delivery.booking
    return {
        "status": booking.status,
        "date": wording.in_full(booking.booking_date),
        "short_date": wording.short(booking.booking_date),
        "amount": wording.money(booking.total_amount, booking.currency),
        "reason": booking.cancellation_reason,
        "note": one_line(booking.cancellation_note or ""),
        "expired_at": _instant(booking.expired_at, wording),
    }


def _details(delivery: Delivery, wording: Wording) -> Mapping[str, object]:
    details, currency = delivery.entry.details, delivery.booking.currency
    return {
        "moved_by": details.moved_by,
        "previous_date": _instant(details.previous_date, wording),
        "sum": wording.money(details.amount, currency) if details.amount else None,
        "auto_confirm_at": _instant(details.auto_confirm_at, wording),
        "automatic": details.automatic,
        "rating": wording.digits(str(details.rating)) if details.rating else None,
        "remark": one_line(details.remark or ""),
        "terminal": details.terminal,
        "expires_at": _instant(details.expires_at, wording),
        "suggestions": [
            {
                "date": wording.in_full(suggestion.booking_date),
                "provider": short_name(delivery.people.get(suggestion.provider)),
                "amount": wording.money(suggestion.total_amount, suggestion.currency),
            }
            for suggestion in sorted(details.suggestions, key=lambda suggestion: suggestion.rank)
        ],
    }


def _instant(instant: datetime | None, wording: Wording) -> str | None:
    return wording.in_full(instant) if instant else None


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one blank: nothing in it can begin a header or a paragraph."""
    return " ".join(text.split())


def short_name(person: Person | None) -> str:
    """Return a name as the other party sees it: `Sita R.` for Sita Rai, empty when it is not known."""
    first, *rest = ((person and person.name) or "").split() or [""]
    return f"{first} {rest[-1][0]}." if rest else first


@cache
def _environment(language: str, kind: str) -> Environment:
    """Return the templates of `language`, laid out as `kind`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / language),
        autoescape=kind == "html",  # noqa: S701 - the other kind is plain text
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["layout"] = f"letter.{kind}"
    return environment
