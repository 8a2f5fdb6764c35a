"""What a process says when it must not go on, and how an error is told in one line."""


class Halt(Exception):  # noqa: N818 - it says what happens
    """The process must not go on; the text says why and what to do."""


class StartFailed(Halt):
    """The process cannot start."""


class Misconfigured(StartFailed):
    """A setting is wrong; starting again changes nothing."""


class SlotTaken(Halt):
    """Another process holds this one's slot."""


class OffsetsLost(Halt):
    """Records were removed from a topic before this group read them."""


class ClientStuck(Halt):
    """A client of Apache Kafka gets no answer any more where a new one does."""


def brief(error: BaseException) -> str:
    """Return what `error` says in one line."""
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
