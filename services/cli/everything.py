"""`sewa up`: the servers, the services, and what has to be there before them."""

import asyncio
import os
from collections.abc import Mapping

import typer

from services.cli.known import SERVICES
from services.cli.output import console, quiet_logs
from services.cli.plan import Service
from services.cli.provisioning import provision_all
from services.cli.schemas import migrate_all
from services.cli.up import up
from services.runtime.settings import RuntimeSettings

app = typer.Typer(add_completion=False)


@app.command("up")
def start_everything() -> None:
    """Start PostgreSQL, Apache Kafka and all services on this machine, and keep them running until Ctrl-C.

    DATABASE_URL or KAFKA_BOOTSTRAP_SERVERS name servers to use instead of the embedded ones. SEWA_HOME (.sewa) is the folder of
    everything: data, logs, e-mails. What is stored there survives.
    """
    quiet_logs()
    up([Service(name, service.port) for name, service in SERVICES.items()], prepare)


def prepare(env: Mapping[str, str]) -> None:
    """Migrate and create topics, with what the services will find in their environment. Raises Halt, KafkaError."""
    os.environ.update(env)
    settings = RuntimeSettings.load()
    for step in migrate_all(settings.direct_url):
        if step.before != step.after:
            console().print(f"schema {step}")
    created = [topic for topic in asyncio.run(provision_all(settings)) if topic.created]
    if created:
        console().print(f"topics     {len(created)} created")
