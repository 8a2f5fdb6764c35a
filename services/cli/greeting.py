"""What `sewa up` tells its user once everything answers."""

import time
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from rich.panel import Panel
from rich.table import Table

from services.cli.child import ProcessSpec
from services.cli.output import console
from services.cli.run_file import RunFile

LOOK_EVERY = 0.5
PATIENCE_SECONDS = 60.0


class Greeting:
    """Printed once: when every process is ready, or after a minute with the names of those that are not."""

    def __init__(self, specs: Sequence[ProcessSpec], run_file: RunFile, began: float) -> None:
        """`began` is when the start began, on the steady clock."""
        self._specs, self._run_file, self._began = specs, run_file, began
        self._look_at: float | None = began

    def when_ready(self) -> None:
        """Look whether it is time, and print."""
        now = time.monotonic()
        if self._look_at is None or now < self._look_at:
            return
        waiting = [spec for spec in self._specs if spec.port and not is_ready(spec.port)]
        self._look_at = now + LOOK_EVERY
        if not waiting or now > self._began + PATIENCE_SECONDS:
            self._look_at = None
            self._print([spec.label for spec in waiting])

    def _print(self, waiting: Sequence[str]) -> None:
        seconds = time.monotonic() - self._began
        title = f"still starting: {', '.join(waiting)}" if waiting else f"SewaBazaar is up, after {seconds:.1f} s"
        with suppress(OSError):  # nobody reads it
            console().print(Panel(self._table(), title=title, expand=False))

    def _table(self) -> Table:
        endpoints, home = self._run_file.endpoints, self._run_file.home
        table = Table.grid(padding=(0, 2))
        for name, where in (
            ("web", endpoints.http),
            ("PostgreSQL", endpoints.database),
            ("Apache Kafka", endpoints.kafka),
        ):
            if where:
                table.add_row(name, where)
        for spec in self._specs:
            table.add_row(spec.label, f"http://127.0.0.1:{spec.port}/health/ready" if spec.port else "")
        table.add_row("e-mails", f"{self._run_file.mail_dir}, one file each" if self._run_file.mail_dir else "by the mail server")
        table.add_row("data, logs", str(home))
        table.add_row()
        table.add_row("try", "`sewa publish --help`, `sewa status`")
        table.add_row("stop", "Ctrl-C; what is stored stays")
        return table


def is_ready(port: int) -> bool:
    """Whether the process that serves its health on `port` of this machine says it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=LOOK_EVERY)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
