"""Letters as e-mails: what a mail program reads, and what nobody can smuggle into them."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from services.notifier.channels import Refused
from services.notifier.channels.mail import Mail
from services.notifier.letters import LETTERS
from services.notifier.wording import STYLES
from tests.unit.letter_samples import BOOKING, HARI, MAYA, RENDERER, SITA, delivery

HEADERS = ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]
awkward = st.text(st.sampled_from('a\r\n\t :;<>@"\\\0\x0b\x1c\x85\u2028\u2029é“स्=?_,()[]') | st.characters(codec="utf-8"), max_size=40)


async def written(template: str = "accepted-customer", **change: Any) -> bytes:
    """An e-mail as it leaves."""
    kept: list[EmailMessage] = []

    async def transport(message: EmailMessage) -> None:
        kept.append(message)

    await Mail(RENDERER, "SewaBazaar <no-reply@sewa.example>", transport).send(delivery(template, **change))
    return kept[0].as_bytes()


async def sent(template: str = "accepted-customer", **change: Any) -> EmailMessage:
    """An e-mail as a mail program reads it."""
    return message_from_bytes(await written(template, **change), EmailMessage, policy=default)


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


async def test_names_cannot_inject_headers() -> None:
    evil = "Sita\r\nBcc: spy@example.com"
    message = await sent(people=(replace(SITA, name=evil), replace(HARI, name=evil)), service=f"Tap\r\n{evil}")
    assert message["Bcc"] is None
    assert str(message["To"]) == '"Sita Bcc: spy@example.com" <sita@example.com>'
    assert str(message["Subject"]).startswith("Confirmed: Tap Sita Bcc: spy@example.com on ")


@given(st.sampled_from(sorted(LETTERS)), st.sampled_from(sorted(STYLES)), awkward, awkward, awkward)
async def test_whatever_people_and_services_are_called_the_headers_are_ours(
    template: str, language: str, name: str, service: str, note: str
) -> None:
    people = tuple(replace(person, name=name, language=language) for person in (SITA, HARI, MAYA))
    booking = replace(BOOKING, cancellation_note=note, cancellation_reason="declined")
    message = await sent(template, people=people, service=service or None, booking=booking)
    assert message.keys() == HEADERS
    assert message["Subject"] == RENDERER.render(delivery(template, people=people, service=service or None, booking=booking)).title
    assert [message["To"].addresses[0].addr_spec, len(message["To"].addresses)] in (["sita@example.com", 1], ["hari@example.com", 1])
    assert message["Content-Type"].content_type == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("template", sorted(LETTERS))
async def test_a_nepali_letter_is_read_as_it_was_written(template: str) -> None:
    people = tuple(replace(person, name="सीता राई", language="ne") for person in (SITA, HARI))
    message, rendered = await sent(template, people=people), RENDERER.render(delivery(template, people=people))
    assert message["Subject"] == rendered.title
    assert message["To"].addresses[0].display_name == "सीता राई"
    assert part(message, "plain").splitlines() == rendered.text.splitlines()
    assert part(message, "html").splitlines() == rendered.html.splitlines()
    assert not message.defects


@pytest.mark.parametrize("service", ["=?utf-8?q?Free?= repair", "Tap\x01 repair", "Tap \x7f", "long " * 60, "धारा " * 60])
async def test_a_title_arrives_letter_by_letter(service: str) -> None:
    message = await sent(service=service)
    assert message["Subject"] == RENDERER.render(delivery("accepted-customer", service=service)).title


@pytest.mark.parametrize(("name", "service"), [("Sita\x01 Rai\x7f", "Tap\x1b repair"), ("सीता राई " * 20, "धारा " * 40)])
async def test_headers_are_printable_ascii_in_short_lines(name: str, service: str) -> None:
    head, _, _ = (await written(people=(replace(SITA, name=name),), service=service)).partition(b"\r\n\r\n")
    assert [line for line in head.decode("ascii").split("\r\n") if not line.isprintable() or len(line) > 78] == []


async def test_every_attempt_has_the_same_message_id() -> None:
    first, again = await sent(), await sent(attempt=2)
    assert first["Message-ID"] == again["Message-ID"]
    assert UUID(str(first["Message-ID"]).strip("<>").removesuffix("@sewa.example")).version == 5


async def test_an_e_mail_has_a_text_and_an_html_part_with_short_lines() -> None:
    message = await sent(service="सेवा" * 200)
    assert "सेवा" in part(message, "plain")
    assert "सेवा" in part(message, "html")
    assert max(map(len, message.as_bytes().splitlines())) < 998


@pytest.mark.parametrize("address", ["two@at@example.com", "no at sign", "a@b\r\nBcc: c@d"])
async def test_what_cannot_be_an_address_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="bad-address"):
        await sent(people=(replace(SITA, email=address),))
