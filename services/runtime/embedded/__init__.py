"""The real PostgreSQL and Apache Kafka on this machine, for trying things out and for the tests; no container engine needed."""

from services.runtime.embedded.kafka import launch_kafka, start_kafka
from services.runtime.embedded.postgres import launch_postgres, start_postgres
from services.runtime.embedded.server import Endpoints, Server
from services.runtime.errors import StartFailed

__all__ = ["Endpoints", "Server", "StartFailed", "launch_kafka", "launch_postgres", "start_kafka", "start_postgres"]
