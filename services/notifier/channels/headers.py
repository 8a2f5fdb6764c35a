"""E-mail headers, encoded once: people's names and titles are in any script, and nothing in them ends a header."""

from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy

SHORT = 74


class Encoded(EmailPolicy):
    """Takes and writes headers as they are: parsing and folding them again costs most of an e-mail, and can lose blanks (RFC 2047)."""

    refold_source = "none"

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        """Return what is kept. Raises ValueError when something in `value` would end the header."""
        if any(not line.startswith(" ") for line in value.splitlines()[1:]):
            message = f"{name} is not to contain a line break"
            raise ValueError(message)
        return name, value

    def header_max_count(self, _name: str) -> int:
        """Return that no header stands twice."""
        return 1

    def header_fetch_parse(self, _name: str, value: str) -> str:
        """Return what is kept."""
        return value


def unstructured(name: str, text: str) -> str:
    """Return a line of text as the header `name` has it: encoded unless it is plain ASCII, and folded."""
    if _is_plain(text) and len(name) + len(text) <= SHORT:
        return text
    return Header(text, None if _is_plain(text) else "utf-8", header_name=name).encode()


def mailbox(name: str, address: Address) -> str:
    """Return somebody's name and address as the header `name` has them."""
    if _is_plain(address.display_name):
        return str(address)
    return f"{Header(address.display_name, 'utf-8', header_name=name).encode()}\n <{address.addr_spec}>"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "=?" not in text
