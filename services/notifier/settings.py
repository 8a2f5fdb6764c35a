"""Settings of the notifier."""

import re
from email.errors import MessageError
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from contracts.values import Zone
from services.notifier.channels.mail import sender_of
from services.runtime.settings import Port, RuntimeSettings

UNQUOTED = re.compile(r"[^\s\"<>\\]+")


class NotifierSettings(RuntimeSettings):
    """What the notifier reads from the environment."""

    port: Port = Field(8301, validation_alias="SEWA_NOTIFIER_PORT", description="health and metrics of the notifier, plus the slot")
    public_url: str = Field("http://localhost:8000", description="where people reach the platform; links in letters begin with it")
    smtp_url: str | None = Field(
        None,
        repr=False,
        description="mail server, `smtp://user:password@host:port` (encrypted where offered) or `smtps://…`; default: a folder of files",
    )
    mail_dir: Path = Field(Path(".sewa/mail"), description="folder that e-mails are written to as .eml files while there is no mail server")
    mail_from: str = Field("SewaBazaar <no-reply@sewabazaar.localhost>", description="sender of e-mails, `Name <address>`")
    timezone: Zone = Field("Asia/Kathmandu", description="IANA time zone of people who have named none, and of local dates")
    auto_cancel_notification: bool = Field(
        default=True, validation_alias="AUTO_CANCEL_NOTIFICATION", description="tell both parties when the system cancels a booking"
    )

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        return _url(value, "http", "https")

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: str | None) -> str | None:
        return value and _url(value, "smtp", "smtps")

    @field_validator("mail_from")
    @classmethod
    def _is_address(cls, value: str) -> str:
        message = "expected `Name <address>` or an address"
        if not value.isprintable() or "@" not in parseaddr(value)[1]:
            raise ValueError(message)
        try:
            sender_of(value)
        except (MessageError, ValueError, IndexError):
            raise ValueError(message) from None
        return value


def _url(value: str, *schemes: str) -> str:
    parts = urlsplit(value)
    if not UNQUOTED.fullmatch(value) or parts.scheme not in schemes or not parts.hostname or (parts.port or 1) < 1:
        message = f"expected {schemes[0]}://host:port"
        raise ValueError(message)
    return value
