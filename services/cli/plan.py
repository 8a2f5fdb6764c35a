"""What `sewa up` is asked to run: its settings, and the copies of each service."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from services.cli.child import ProcessSpec
from services.runtime.embedded.settings import DownloadSettings
from services.runtime.errors import Misconfigured
from services.runtime.settings import Port

MOST_COPIES = 100
HIGHEST_PORT = 65_535
RUN = (sys.executable, "-P", "-m", "services.cli", "run")  # never what happens to lie in the current folder


class UpSettings(DownloadSettings):
    """What `sewa up` itself reads from the environment."""

    home: Path = Field(Path(".sewa"), description="folder of `sewa up`: data, logs, e-mails, what runs")
    database_url: str | None = Field(None, validation_alias="DATABASE_URL", description="PostgreSQL to use instead of the embedded one")
    kafka: str | None = Field(
        None, validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Apache Kafka to use instead of the embedded one"
    )
    valkey: str | None = Field(None, validation_alias="VALKEY_URL", description="Valkey that `sewa status` names; no service uses one yet")
    postgres_port: Port = Field(15432, description="port of the embedded PostgreSQL")
    kafka_port: Port = Field(19092, description="port of the embedded Apache Kafka")
    smtp_url: str | None = Field(None, repr=False, description="mail server; e-mails are files without one")
    mail_dir: Path | None = Field(None, description="folder of e-mails while there is no mail server; default `SEWA_HOME`/mail")


@dataclass(frozen=True, slots=True)
class Service:
    """A service to run; its copy in slot n serves its health on `port` + n. `SEWA_<NAME>_PORT` and `SEWA_<NAME>_COPIES` change that."""

    name: str
    port: int

    def specs(self, environ: Mapping[str, str], argv: Sequence[str] = RUN) -> list[ProcessSpec]:
        """Return its copies. Raises Misconfigured."""
        first = _number(environ, f"SEWA_{self.name.upper()}_PORT", self.port, HIGHEST_PORT - MOST_COPIES)
        copies = _number(environ, copies_of(self.name), 1, MOST_COPIES)
        return [
            ProcessSpec(self.name, slot, [*argv, self.name], {**environ, "SEWA_SLOT": str(slot)}, first + slot) for slot in range(copies)
        ]


def copies_of(service: str) -> str:
    """Return the setting that says how many processes of `service` are run."""
    return f"SEWA_{service.upper()}_COPIES"


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = environ.get(name) or str(default)
    if not value.isdecimal() or int(value) > most:
        raise Misconfigured(f"{name}: expected a number from 0 to {most}, not {value!r}")
    return int(value)
