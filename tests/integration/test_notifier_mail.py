"""E-mails through a real mail server that is slow, refuses, or is cut off; and what the other channel sees of that."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session

from contracts.receipts import NotificationFailed, NotificationSent
from services.notifier.delivery import ATTEMPTS
from services.notifier.letters import EMAIL
from tests.integration.notifier_by_hand import NOW, Notifier, Story, counted, kinds, opened, person

OK = "250 OK"


@dataclass
class MailServer:
    """Answers what it is told to, and keeps what it takes."""

    to_recipient: str = OK
    to_data: str = OK
    taken: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        if self.to_recipient == OK:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.to_data == OK:
            assert isinstance(envelope.content, bytes)
            self.taken.append(message_from_bytes(envelope.content, EmailMessage, policy=default))
        return self.to_data


@pytest_asyncio.fixture
async def server() -> AsyncIterator[tuple[MailServer, str]]:
    mail_server = MailServer()
    listener = await asyncio.get_running_loop().create_server(lambda: SMTP(mail_server, hostname="test"), "127.0.0.1", 0)
    yield mail_server, f"smtp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    await listener.wait_closed()


@pytest_asyncio.fixture
async def notifier(database_url: str, tmp_path: Path, server: tuple[MailServer, str]) -> AsyncIterator[Notifier]:
    """A notifier with one letter to Sita due on both channels."""
    story = Story()
    async with opened(database_url, tmp_path, smtp_url=server[1]) as composed:
        await composed.hears(*story.people())
        await composed.hears(story.created())
        yield composed


@pytest.fixture
def mail_server(server: tuple[MailServer, str]) -> MailServer:
    return server[0]


async def test_the_mail_server_gets_the_letter(notifier: Notifier, mail_server: MailServer) -> None:
    await notifier.delivers()
    (letter,) = mail_server.taken
    assert letter["To"] == "Sita Rai <sita@example.com>"
    assert letter["Subject"] == "Booking received: plumbing on Sat 17 Oct 2026, 10:00"
    assert await notifier.ledger() == [("sent", 1, None)]


async def test_a_nepali_letter_arrives_as_it_was_written(notifier: Notifier, mail_server: MailServer) -> None:
    story = Story()
    await notifier.hears(person(story.customer, "सीता राई", email="sita@example.com", language="ne", timezone="Europe/Lisbon"))
    await notifier.hears(story.created())
    await notifier.delivers()
    (letter,) = [m for m in mail_server.taken if "सीता" in str(m["To"])]
    assert letter["To"].addresses[0].display_name == "सीता राई"
    assert letter["Subject"] == "बुकिङ प्राप्त भयो: plumbing, शनि, १७ अक्टोबर २०२६, ०५:१५"
    plain = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "समय: शनिबार, १७ अक्टोबर २०२६, ०५:१५ (यूटीसी+०१:००)। रकम: रु. १,५००.००।" in " ".join(plain.split())
    assert not letter.defects


async def test_a_server_in_trouble_is_tried_again_later(notifier: Notifier, mail_server: MailServer) -> None:
    mail_server.to_data = "451 sita@example.com: come back later"
    retried, ambiguous = counted("retried"), counted("ambiguous")
    await notifier.delivers()
    await notifier.delivers()
    assert (await notifier.ledger(), counted("retried")) == ([("pending", 1, "smtp-451")], retried + 1)
    soon = "next_attempt_at between clock_timestamp() + '1 s' and clock_timestamp() + '5 s'"
    assert await notifier.query(f"select {soon} from notifier.deliveries where channel = '{EMAIL}'") == [(True,)]
    mail_server.to_data = OK
    await notifier.passes()
    await notifier.delivers()
    assert (await notifier.ledger(), len(mail_server.taken), counted("ambiguous")) == ([("sent", 2, None)], 1, ambiguous)


async def test_a_server_that_is_away_is_tried_again_later(database_url: str, tmp_path: Path, notifier: Notifier) -> None:
    async with opened(database_url, tmp_path, smtp_url="smtp://127.0.0.1:1") as elsewhere:
        await elsewhere.delivers()
    assert await notifier.ledger() == [("pending", 1, "SMTPConnectError")]
    assert await notifier.letters() == {"created-customer": 1}


async def test_a_recipient_whom_the_server_refuses_fails_at_once(notifier: Notifier, mail_server: MailServer) -> None:
    mail_server.to_recipient = "550 sita@example.com: no such user"
    await notifier.delivers()
    assert await notifier.ledger() == [("failed", 1, "smtp-550")]
    failed = [r for r in await notifier.receipts() if isinstance(r, NotificationFailed)]
    assert [(r.channel, r.attempt, r.reason) for r in failed] == [(EMAIL, 1, "smtp-550")]


async def test_the_last_attempt_fails_with_the_only_receipt(notifier: Notifier, mail_server: MailServer) -> None:
    mail_server.to_data = "451 later"
    for _ in range(ATTEMPTS):
        assert NotificationFailed not in kinds(await notifier.receipts())
        await notifier.passes()
        await notifier.delivers()
    assert await notifier.ledger() == [("failed", ATTEMPTS, "smtp-451")]
    assert kinds(await notifier.receipts()) == {NotificationSent: 1, NotificationFailed: 1}


async def test_a_crash_between_sending_and_marking_repeats_the_message_id(notifier: Notifier, mail_server: MailServer) -> None:
    sent: list[str] = []

    async def send_and_die(message: EmailMessage) -> None:
        sent.append(message["Message-ID"])
        raise asyncio.CancelledError

    ambiguous = counted("ambiguous")
    with pytest.raises(asyncio.CancelledError):
        await notifier.mail(send_and_die).run_once(NOW)
    await notifier.delivers()
    assert mail_server.taken == []
    await notifier.passes()
    await notifier.delivers()
    assert [letter["Message-ID"] for letter in mail_server.taken] == sent
    assert counted("ambiguous") == ambiguous + 1


async def test_a_slow_server_does_not_delay_the_app(notifier: Notifier) -> None:
    sending = asyncio.Event()

    async def never_end(_message: EmailMessage) -> None:
        sending.set()
        await asyncio.Event().wait()

    slow = asyncio.create_task(notifier.mail(never_end).run_once(NOW))
    await asyncio.wait_for(sending.wait(), 10)
    await notifier.hears(Story().created())
    assert await notifier.letters() == {"created-customer": 2}
    slow.cancel()
    await asyncio.wait([slow])


async def test_two_notifiers_at_once_share_the_letters(notifier: Notifier, mail_server: MailServer) -> None:
    """Both are sending when either may go on: neither waits for the other, and no letter goes out twice."""
    both_sending, sent, another = asyncio.Barrier(2), set[str](), Story()

    async def send_together(message: EmailMessage) -> None:
        await both_sending.wait()
        sent.add(message["Message-ID"])

    await notifier.hears(*another.people())
    await notifier.hears(another.created())
    rounds = [notifier.mail(send_together, at_once=1) for _ in range(2)]
    await asyncio.wait_for(asyncio.gather(*(one.run_once(NOW) for one in rounds)), 10)
    await notifier.delivers()
    assert (len(sent), mail_server.taken) == (2, [])
    assert kinds(await notifier.receipts()) == {NotificationSent: 4}
