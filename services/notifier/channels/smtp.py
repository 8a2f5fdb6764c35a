"""Hands e-mails to a mail server."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException

from services.notifier.channels import Refused

PERMANENT = 500
GOODBYE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server at `url`, `smtp://user:password@host:port` or `smtps://…`; encrypted whenever it offers that."""

    url: str

    async def __call__(self, message: EmailMessage) -> None:
        """Send `message` on a connection of its own. Raises Refused, OSError."""
        client = self._client()
        try:
            await client.connect()
            await client.send_message(message)
        except SMTPException as error:
            raise refusal(error) from None
        else:
            # The server has the letter: nothing that happens to the goodbye may bring it a second time.
            with suppress(SMTPException, OSError):
                await client.quit(timeout=GOODBYE_SECONDS)
        finally:
            client.close()

    def _client(self) -> SMTP:
        server = urlsplit(self.url)
        return SMTP(
            hostname=server.hostname,
            port=server.port,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            local_hostname=socket.gethostname(),
        )


def refusal(error: SMTPException) -> Refused:
    """Return what `error` means for the letter, without the server's words: they may name the recipient."""
    if isinstance(error, SMTPNotSupported):
        return Refused("smtp-not-supported")
    codes = list(_codes(error))
    if not codes:
        return Refused(type(error).__name__, final=False)
    about_the_letter = isinstance(error, SMTPRecipientsRefused | SMTPDataError)
    return Refused(f"smtp-{codes[0]}", final=about_the_letter and min(codes) >= PERMANENT)


def _codes(error: SMTPException) -> Iterator[int]:
    if isinstance(error, SMTPRecipientsRefused):
        yield from (refused.code for refused in error.recipients)
    elif isinstance(error, SMTPResponseException):
        yield error.code
