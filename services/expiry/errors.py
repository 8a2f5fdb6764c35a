"""What can go wrong with expiry."""


class AutoCancelDisabled(Exception):  # noqa: N818 - it says what is the matter
    """AUTO_CANCEL_ENABLED is false, so nothing may be cancelled."""
