"""The parent of everything that `sewa up` runs: starts it, starts again what dies, and leaves no process behind."""

import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from services.cli.child import Child, Say
from services.cli.watch import Kept, Watch

TICK_SECONDS = 0.1
DRAIN_SECONDS = 10.0
SERVER_SECONDS = 4.5
ASKED_TWICE = 2


class Supervisor:
    """Keeps `children` and the `servers` they need running until it is told to stop."""

    def __init__(self, children: Sequence[Child], servers: Sequence[Kept], say: Say, changed: Callable[[], None]) -> None:
        """`changed` is called whenever a process has been started or has ended."""
        now = time.monotonic()
        self._children, self._servers, self._say, self._changed = children, servers, say, changed
        self._watches = [*(Watch(server, None, now) for server in servers), *(Watch(child, now) for child in children)]
        self._asked = 0

    def run(self, each_turn: Callable[[], None] = lambda: None) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, then end everything within 15 s; a second signal ends it at once. Raises StartFailed."""
        with self._signals():
            try:
                while not self._asked:
                    changes = [watch.tend(time.monotonic(), self._say) for watch in self._watches]
                    if any(changes):
                        self._changed()
                    each_turn()
                    self._pass_output()
            finally:
                self._say("sewa", "stopping; a second Ctrl-C ends everything at once")
                self._end(self._children, DRAIN_SECONDS)
                self._end(self._servers, SERVER_SECONDS)

    def _end(self, kept: Sequence[Kept], within: float) -> None:
        deadline = time.monotonic() + within
        for one in kept:
            one.ask()
        while any(one.status() is None for one in kept) and time.monotonic() < deadline and self._asked < ASKED_TWICE:
            self._pass_output()
        for one in kept:
            one.kill()

    def _pass_output(self) -> None:
        """Pass lines on as they come, for one tick."""
        with selectors.DefaultSelector() as selector:
            for child in self._children:
                if child.output is not None:
                    selector.register(child.output, selectors.EVENT_READ, child)
            for key, _ in selector.select(TICK_SECONDS):
                key.data.pass_output()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def count(_signum: int, _frame: FrameType | None) -> None:
            self._asked += 1

        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        listened_to = (signal.SIGINT, signal.SIGTERM, *(() if nohup else (signal.SIGHUP,)))
        before = {signum: signal.signal(signum, count) for signum in listened_to}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)
