"""What can go wrong with payments."""


class PoliciesUnread(Exception):  # noqa: N818 - it says what is the matter
    """Policies were published that this service has yet to read, and a fee depends on them: it is decided a little later."""
