"""Loopback ports: find a free one, or say whose setting to change."""

import errno
import random
import socket

from services.runtime.errors import StartFailed

LOOPBACK = "127.0.0.1"
BELOW_EPHEMERAL = range(20_000, 32_000)
TRIES = 200


def claim_port(port: int, setting: str, *, avoid: int = 0) -> int:
    """Return `port`, or a free one for 0 (never `avoid`). Raises StartFailed, naming `setting`, when it cannot be listened on."""
    if port:
        failure = _refusal(port)
        if failure:
            reason = "is taken by another program" if failure.errno == errno.EADDRINUSE else f"cannot be used ({failure.strerror})"
            raise StartFailed(f"port {port} on {LOOPBACK} {reason}: set {setting}")
        return port
    for candidate in random.sample(BELOW_EPHEMERAL, TRIES):
        if candidate != avoid and not _refusal(candidate):
            return candidate
    raise StartFailed(f"no free port on {LOOPBACK}: set {setting}")


def _refusal(port: int) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None
