"""A child process must not outlive its parent, however the parent ends."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    """Return a `preexec_fn` that has the kernel send `signum` to the child when this process is gone; None where there is no such thing.

    Only for the main thread: the kernel takes the end of the thread that forked for the end of the parent.
    """
    if sys.platform != "linux":
        return None
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("children are started from the main thread, or they would end with the thread")
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:  # it died before the tie was made
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
