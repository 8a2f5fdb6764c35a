"""Where the system is that a verb works on: the environment says so, else the `sewa up` that runs here."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from services.cli.output import described, quiet_logs
from services.cli.run_file import read_run
from services.runtime.errors import Halt
from services.runtime.settings import RuntimeSettings

VARIABLES = {"database": "DATABASE_URL", "kafka": "KAFKA_BOOTSTRAP_SERVERS", "valkey": "VALKEY_URL"}
NOTHING = "nothing is running here: start `sewa up`, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS"


class VerbSettings(RuntimeSettings):
    """What a verb reads from the environment: it may need only one of the two servers, or none."""

    database_url: str = Field("", validation_alias="DATABASE_URL", validate_default=False)
    kafka: str = Field("", validation_alias="KAFKA_BOOTSTRAP_SERVERS")


def reach(*needed: str) -> VerbSettings:
    """Adopt the system that is meant and return the settings. Raises Halt without `needed` ("database", "kafka"), and Misconfigured."""
    quiet_logs()
    adopt()
    for name in needed:
        if not os.environ.get(VARIABLES[name]):
            some = any(map(os.environ.get, VARIABLES.values()))
            raise Halt(f"{VARIABLES[name]} is not set: set it too, or neither to work on the `sewa up` that runs here" if some else NOTHING)
    return VerbSettings.load()


def adopt() -> Mapping[str, Any]:
    """Put what the `sewa up` of this folder has recorded into the environment, and return the record.

    Nothing is adopted, and the record is empty, where the environment names another system or nothing runs.
    """
    record = read_run(Path(os.environ.get("SEWA_HOME") or ".sewa")) or {}
    known = record.get("endpoints", {})
    if any((given := os.environ.get(variable)) and given != known.get(name) for name, variable in VARIABLES.items()):
        return {}
    found = {**record.get("settings", {}), **{variable: known.get(name) for name, variable in VARIABLES.items()}}
    os.environ.update({name: str(value) for name, value in found.items() if value and not os.environ.get(name)})
    return record


@contextmanager
def answering_database(url: str) -> Iterator[None]:
    """Turn whatever PostgreSQL at `url` refuses into a Halt that names it."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        message = f"PostgreSQL at {without_password(url)}: {described(error)}"
        raise Halt(message) from error


def without_password(url: str) -> str:
    """Return a database's URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)
