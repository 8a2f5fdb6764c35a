"""Ways to reach people outside of the app."""


class Refused(Exception):  # noqa: N818 - it says what happened
    """A letter was not taken: `reason` is a code without personal data, and another try is useless when it is `final`."""

    def __init__(self, reason: str, *, final: bool = True) -> None:
        """Note why."""
        super().__init__(reason)
        self.reason, self.final = reason, final
