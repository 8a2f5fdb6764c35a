"""`sewa policy` and `sewa expiry simulate` as their user runs them, beside a running expiry service."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text
from typer.testing import CliRunner

from contracts.ids import new_id
from contracts.message import Message
from contracts.topics import POLICY_EVENTS
from services.cli import expiry, policy_verbs
from services.expiry.app import build
from services.expiry.settings import ExpirySettings
from services.expiry.store import Entry
from services.runtime.kafka import open_producer
from services.runtime.outbox import outgoing
from services.runtime.process import Process
from tests.eventually import aeventually
from tests.integration.cli_process import Done, on_topic
from tests.integration.expiry_history import ADMIN, BOOKED_FOR, HOUR, NOW, Expiry, policy, requested
from tests.servers import free_ports

Call = Callable[..., Awaitable[Done]]
CLOCK = "2026-11-20T06:00:00Z"


@pytest.fixture
async def process(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Process]:
    """The service, with a clock that stands still."""
    (tmp_path / "clock").write_text(CLOCK)
    environment["SEWA_CLOCK_FILE"] = str(tmp_path / "clock")
    settings = ExpirySettings(
        database_url=environment["DATABASE_URL"],
        kafka=environment["KAFKA_BOOTSTRAP_SERVERS"],
        port=free_ports(1)[0],
        clock_file=tmp_path / "clock",
        enabled=False,
    )
    process = build(settings)
    task = asyncio.create_task(process.run())
    await aeventually(partial(ready, process), within=30)
    yield process
    process.stopping.set()
    await task


async def ready(process: Process) -> bool:
    return not process.health.stale()


@pytest.fixture
def called(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """What runs a verb in this process: starting a program takes longer than all that it does here."""

    async def call(*arguments: str) -> Done:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        verbs = {"policy": policy_verbs.app, "expiry": expiry.app}[arguments[0]]
        result = await asyncio.to_thread(CliRunner().invoke, verbs, arguments[1:])
        return Done(result.exit_code, result.stdout, result.stderr)

    yield call
    logging.disable(logging.NOTSET)
    structlog.reset_defaults()


async def tell(kafka: str, *messages: Any) -> None:
    producer = open_producer(kafka, "test")
    await producer.start()
    for sent in map(outgoing, messages):
        await producer.send_and_wait(sent.topic, sent.value, sent.key, headers=list(sent.headers))
    await producer.stop()


async def test_a_policy_is_tried_set_and_followed(environment: dict[str, str], process: Process, called: Call) -> None:
    booking = new_id()
    await tell(environment["KAFKA_BOOTSTRAP_SERVERS"], *requested(booking, BOOKED_FOR + 20 * HOUR))

    async def is_open() -> bool:
        return bool((await Expiry(process.engine).entry(booking)).expires_at)

    await aeventually(is_open, within=20)
    tried = await called("expiry", "simulate", "--category", "plumbing", "--grace-hours", "2", "--json")
    assert (tried.code, [c["booking"] for c in tried.json["newly_cancelled"]["results"]]) == (0, [str(booking)])
    set_ = await called(
        "policy", "set", "plumbing", "--grace-hours", "2", "--effective-at", CLOCK, "--reason", "Dashain", "--wait", "--json"
    )
    assert (set_.code, set_.json["policy_version"], set_.json["redating"]["settled"]) == (0, 1, True)
    assert (await Expiry(process.engine).entry(booking)).expires_at == BOOKED_FOR + 22 * HOUR
    shown = (await called("policy", "show", "plumbing", "--json")).json
    told = (await called("policy", "history", "plumbing", "--json")).json["results"]
    (record,) = await asyncio.to_thread(on_topic, environment["KAFKA_BOOTSTRAP_SERVERS"], POLICY_EVENTS.name)
    assert {**shown, "announced": None} == {**json.loads(record.value), "announced": None}
    assert (told, record.key, shown["reason"]) == ([json.loads(record.value)], b"plumbing", "Dashain")
    assert dict(record.headers)["ce_actor"].decode() == shown["set_by"]


async def test_what_is_wrong_is_named_in_one_line_and_nothing_is_sent(process: Process, called: Call) -> None:
    asked = {
        "timezone": ("set", "plumbing", "--timezone", "Asia/Atlantis"),
        "grace_hours": ("set", "plumbing", "--grace-hours", "9000"),
        "calendar": ("set", "*", "--calendar", "XX"),
        "policy_version": ("set", "plumbing", "--grace-hours", "2", "--policy-version", "0"),
        "effective_at": ("set", "plumbing", "--grace-hours", "2", "--effective-at", "tomorrow"),
    }
    for field, arguments in asked.items():
        done = await called("policy", *arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert done.err.startswith(f"sewa: {field}: ")
    shown = (await called("policy", "show", "--json")).json
    assert [(one["category"], one["policy_version"]) for one in shown["results"]] == [("*", 0)]
    assert not process.health.stale()


async def test_no_booking_is_indexed_before_the_policies_that_are_published(environment: dict[str, str]) -> None:
    booking, kafka = new_id(), environment["KAFKA_BOOTSTRAP_SERVERS"]
    told = Message(str(new_id()), "office", "*", NOW, ADMIN, policy(1, grace_hours=2))
    await tell(kafka, told, *requested(booking))
    process = build(ExpirySettings(database_url=environment["DATABASE_URL"], kafka=kafka, port=free_ports(1)[0], enabled=False))

    async def indexed() -> Entry:
        return await Expiry(process.engine).entry(booking)

    async with process.engine.begin() as connection:
        await connection.execute(text("lock table expiry.policies in share row exclusive mode"))
        task = asyncio.create_task(process.run())
        with pytest.raises(AssertionError, match="not within"):
            await aeventually(indexed, within=4)
    assert (await aeventually(indexed, within=20)).expires_at == BOOKED_FOR + 2 * HOUR
    process.stopping.set()
    await task
