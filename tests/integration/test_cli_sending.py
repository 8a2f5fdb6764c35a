"""What becomes of lines when Kafka falls silent half-way."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.cloudevents import Outgoing
from contracts.topics import BOOKING_COMMANDS
from services.cli import sending
from services.cli.clients import producing
from services.cli.sending import Sender
from services.runtime.embedded import Server, StartFailed, start_kafka
from services.runtime.errors import Halt
from services.runtime.topics import provision


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Server]:
    """An Apache Kafka that the test may stop."""
    try:
        server = start_kafka(tmp_path)
    except StartFailed as failure:
        pytest.skip(str(failure))
    yield server
    server.stop()


async def test_a_kafka_that_falls_silent_is_told_with_what_it_has_acknowledged(own_kafka: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 1.0)
    await provision(own_kafka.url, partitions=1, replication=1)
    record, refused = Outgoing(BOOKING_COMMANDS.name, b"key", [], b"{}"), list[int]()
    async with producing(own_kafka.url) as producer:
        sender = Sender(producer, lambda line, _: refused.append(line))
        for line in range(7):
            await sender.send(line, record)
        await sender.finish()
        os.kill(own_kafka.pid, signal.SIGSTOP)
        await sender.send(7, record)
        with pytest.raises(Halt, match="does not answer any more; it has acknowledged 7 lines"):
            await sender.finish()
        assert (sender.acknowledged, refused) == ({BOOKING_COMMANDS.name: 7}, [])
        os.kill(own_kafka.pid, signal.SIGCONT)  # else the producer could not be closed
