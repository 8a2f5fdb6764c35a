"""Letters by e-mail. A retry of a letter carries the Message-ID of the first try, so that mail servers can drop it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from functools import cache

from services.notifier.channels import Refused
from services.notifier.channels.headers import Encoded, mailbox, unstructured
from services.notifier.ledger import Delivery
from services.notifier.letters import EMAIL
from services.notifier.rendering import Renderer, one_line

BAD_ADDRESS = "bad-address"
ASCII, UTF8 = Encoded(linesep="\r\n"), Encoded(linesep="\r\n", utf8=True)
Transport = Callable[[EmailMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends through `transport`, from `sender` (`Name <address>`)."""

    renderer: Renderer
    sender: str
    transport: Transport
    name: str = EMAIL
    at_once: int = 20

    async def send(self, delivery: Delivery) -> None:
        """Render and send one letter. Raises Refused when the address cannot be one."""
        await self.transport(self.compose(delivery))

    def compose(self, delivery: Delivery) -> EmailMessage:
        """Return the e-mail: plain text, with HTML beside it."""
        rendered = self.renderer.render(delivery)
        to = recipient(delivery)
        sender = sender_of(self.sender)
        message = EmailMessage(policy=ASCII if to.addr_spec.isascii() else UTF8)
        message["Message-ID"] = f"<{delivery.key.letter_id}@{sender.domain}>"
        message["Date"] = formatdate(usegmt=True)
        message["From"] = mailbox("From", sender)
        message["To"] = mailbox("To", to)
        message["Subject"] = unstructured("Subject", rendered.title)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(rendered.text, cte="8bit")
        message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
        message.set_boundary(f"={delivery.key.letter_id.hex[:20]}=")
        return message


def recipient(delivery: Delivery) -> Address:
    """Return whom the letter goes to. Raises Refused."""
    person = delivery.recipient
    try:
        return Address(one_line((person and person.name) or ""), addr_spec=(person and person.email) or "")
    except (MessageError, ValueError, IndexError):
        raise Refused(BAD_ADDRESS) from None


@cache
def sender_of(text: str) -> Address:
    """Return who `Name <address>` is. Raises MessageError, ValueError or IndexError when it is nobody."""
    name, address = parseaddr(text)
    return Address(name, addr_spec=address)
