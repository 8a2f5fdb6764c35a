"""What can go wrong with expiry."""


class AutoCancelDisabled(Exception):  # noqa: N818 - it says what is the matter
    """AUTO_CANCEL_ENABLED is false, so nothing may be cancelled."""


class NoSuchRun(Exception):  # noqa: N818 - it says what is the matter
    """There is neither a run nor a held scan of this id."""


class FutureAsOf(Exception):  # noqa: N818 - it says what is the matter
    """What will have lapsed can only be listed."""
