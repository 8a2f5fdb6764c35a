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
        language = (delivery.recipient and delivery.recipient.language) or DEFAULT_LANGUAGE
        links = self._links(delivery)
        facts = {**self._facts(delivery), "links": links}
        text, html = (_environment(language, kind).get_template(f"{delivery.key.template}.j2") for kind in ("txt", "html"))
        title = "".join(text.blocks["title"](text.new_context(facts)))
        return Rendered(one_line(title), text.render(facts), html.render(facts), links)

    def _links(self, delivery: Delivery) -> list[tuple[str, str]]:
        booking = f"{self.public_url.rstrip('/')}/bookings/{delivery.booking.id}"
        return [("booking", booking), *([("rebook", f"{booking}/rebook")] if LETTERS[delivery.key.template].rebook else [])]

    def _facts(self, delivery: Delivery) -> Mapping[str, object]:
        booking, recipient = delivery.booking, delivery.recipient
        zone = ZoneInfo((recipient and recipient.timezone) or self.timezone)
        begins = booking.booking_date.astimezone(zone)
        return {
            "name": one_line((recipient and recipient.name) or ""),
            "customer": short_name(delivery.customer),
            "provider": short_name(delivery.provider),
            "service": one_line(delivery.service or booking.category),
            "date": in_full(begins),
            "short_date": f"{begins:%a} {begins.day} {begins:%b %Y, %H:%M}",
            "amount": f"{booking.currency} {booking.total_amount}",
            "reason": booking.cancellation_reason,
            "note": one_line(booking.cancellation_note or ""),
            "expired_at": in_full(booking.expired_at.astimezone(zone)) if booking.expired_at else None,
        }


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one blank: nothing in it can begin a header or a paragraph."""
    return " ".join(text.split())


def short_name(person: Person | None) -> str:
    """Return a name as the other party sees it: `Sita R.` for Sita Rai, empty when it is not known."""
    first, *rest = ((person and person.name) or "").split() or [""]
    return f"{first} {rest[-1][0]}." if rest else first


def in_full(local: datetime) -> str:
    """Return a local instant with its weekday and its offset: `Saturday 17 October 2026, 10:00 (UTC+05:45)`."""
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M} (UTC{local.isoformat()[-6:]})"


@cache
def _environment(language: str, kind: str) -> Environment:
    """Return the templates of `language`, with the default one's where that has none, laid out as `kind`."""
    environment = Environment(
        loader=FileSystemLoader([TEMPLATES / language, TEMPLATES / DEFAULT_LANGUAGE]),
        autoescape=kind == "html",  # noqa: S701 - the other kind is plain text
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["layout"] = f"letter.{kind}"
    return environment
