"""The servers as containers. Loaded where needed only: the clients take half a second to import."""

import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import docker
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from services.runtime.embedded.jars import KAFKA
from services.runtime.embedded.ports import claim_port

ENGINE_SECONDS = 2
NOT_DURABLE = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 -c timezone=UTC"
KAFKA_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}


def started(stack: ExitStack, name: str) -> str | None:
    """Start a container that ends with `stack` and return its URL; None where no engine can run it."""
    if not _engine_answers():
        return None
    try:
        return stack.enter_context(CONTAINERS[name]())
    except DockerException as failure:
        sys.stderr.write(f"no container for {name}, the embedded server is used: {failure}\n")
        return None


def _engine_answers() -> bool:
    """Whether a container engine answers here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # where nothing answers the client forgets its socket
        answers = _ping()
        gc.collect()
    return answers


def _ping() -> bool:
    try:
        with closing(docker.from_env(timeout=ENGINE_SECONDS)) as client:
            return bool(client.ping())
    except (DockerException, OSError):
        return False


@contextmanager
def _postgres() -> Iterator[str]:
    """Run PostgreSQL and give its URL. Raises DockerException when there is no image to be had."""
    container = PostgresContainer("postgres:18", username="booking", password="booking", dbname="booking", driver=None)
    with container.with_command(NOT_DURABLE) as running:
        yield running.get_connection_url()


@contextmanager
def _kafka() -> Iterator[str]:
    """Run Apache Kafka and give its bootstrap servers. Raises DockerException when there is no image to be had."""
    url = f"{DockerClient().host()}:{claim_port(0, 'DOCKER_HOST')}"
    settings = {**KAFKA_SETTINGS, "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{url}"}
    container = DockerContainer(f"apache/kafka:{KAFKA}").with_envs(**settings).with_bind_ports(9092, int(url.rpartition(":")[2]))
    with container.waiting_for(LogMessageWaitStrategy("Kafka Server started")):
        yield url


CONTAINERS = {"postgres": _postgres, "kafka": _kafka}
