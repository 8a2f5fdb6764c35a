"""`sewa publish` as an upstream team uses it: files and pipes with good and bad lines, and what arrives."""

import json
import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts.ids import new_id
from contracts.topics import BOOKING_COMMANDS, DIRECTORY_EVENTS
from tests.eventually import eventually
from tests.integration.cli_process import NOBODY, SEWA, on_topic, sewa
from tests.servers import outside_the_loop

CUSTOMER, PROVIDER = str(uuid4()), str(uuid4())
FACTS = {
    "customer": CUSTOMER,
    "provider": PROVIDER,
    "service": str(uuid4()),
    "category": "plumbing",
    "booking_date": "2026-11-20T06:00:00Z",
}
PERSON = {
    "role": "customer",
    "name": "Sita Rai",
    "email": "sita@example.org",
    "phone": None,
    "language": "ne",
    "timezone": "Asia/Kathmandu",
}
NOT_JSON, NOT_UTF8 = b"{nonsense", b'{"specversion": "\xff"}'


def message(name: str, subject: str, actor: str, data: object) -> dict[str, object]:
    head = {"specversion": "1.0", "id": str(uuid4()), "source": "shop", "type": f"sewabazaar.{name}.v1", "subject": subject}
    return {**head, "time": "2026-11-20T06:00:00Z", "actor": actor, "data": data}


def create(booking: str = "", **changes: object) -> dict[str, object]:
    data = {**FACTS, "duration_minutes": 60, "total_amount": "1500.00"}
    return {**message("CreateBooking", booking or str(new_id()), f"customer:{CUSTOMER}", data), **changes}


def accept(booking: str) -> dict[str, object]:
    return message("AcceptBooking", booking, f"provider:{PROVIDER}", {})


def lines(*messages: dict[str, object] | bytes) -> bytes:
    return b"".join((m if isinstance(m, bytes) else json.dumps(m).encode()) + b"\n" for m in messages)


def commands(environment: dict[str, str]) -> list[Any]:
    return on_topic(environment["KAFKA_BOOTSTRAP_SERVERS"], BOOKING_COMMANDS.name)


def ids(records: list[Any]) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for record in records]


def test_a_file_arrives_on_the_topics_of_its_types_under_its_subjects(environment: dict[str, str], tmp_path: Path) -> None:
    person = message("PersonUpserted", f"person:{CUSTOMER}", "upstream:shop", {**PERSON, "id": CUSTOMER, "addresses": [], "active": True})
    created, file = create(), tmp_path / "day.jsonl"
    file.write_bytes(lines(person, created))
    done = sewa(environment, "publish", str(file))
    assert (done.code, done.err) == (0, "")
    assert "2 sent, 0 bad" in done.out
    (record,) = commands(environment)
    assert record.key.decode() == created["subject"]
    assert json.loads(record.value) == created["data"]
    assert dict(record.headers)["ce_type"] == b"sewabazaar.CreateBooking.v1"
    (introduced,) = on_topic(environment["KAFKA_BOOTSTRAP_SERVERS"], DIRECTORY_EVENTS.name)
    assert introduced.key.decode() == f"person:{CUSTOMER}"


def test_thousands_of_lines_keep_the_order_of_each_subject(environment: dict[str, str]) -> None:
    bookings = [str(new_id()) for _ in range(30)]
    meant: dict[str, list[str]] = defaultdict(list)
    messages = [create(booking) for _ in range(100) for booking in bookings]
    for one in messages:
        meant[str(one["subject"])].append(str(one["id"]))
    assert sewa(environment, "publish", "-", "--json", stdin=lines(*messages)).json == {"sent": 3000, "bad": 0, "lines": []}
    arrived: dict[str, list[str]] = defaultdict(list)
    for record in commands(environment):
        arrived[record.key.decode()] += ids([record])
    assert arrived == meant


def test_bad_lines_are_named_and_stop_no_good_ones(environment: dict[str, str]) -> None:
    first, last = create(), create()
    unknown = create(type="sewabazaar.MakeTea.v1")
    done = sewa(environment, "publish", "-", stdin=lines(first, NOT_JSON, b"", NOT_UTF8, unknown, last))
    assert done.code == 1
    assert "2 sent, 3 bad" in done.out
    named = done.err.splitlines()
    assert [line.split(":")[:2] for line in named] == [["line 2", " bad-json"], ["line 4", " bad-encoding"], ["line 5", " unknown-type"]]
    assert sorted(ids(commands(environment))) == sorted([str(first["id"]), str(last["id"])])


def test_programs_are_told_of_bad_lines_as_json(environment: dict[str, str]) -> None:
    done = sewa(environment, "publish", "-", "--json", stdin=lines(create(), create(subject="17")))
    assert done.code == 1
    (bad,) = done.json["lines"]
    assert done.json == {"sent": 1, "bad": 1, "lines": [{"line": 2, "reason": bad["reason"]}]}
    assert bad["reason"].startswith("bad-id: ")


@pytest.mark.parametrize("text", [b"", b"\n  \r\n\n", NOT_JSON, lines(NOT_UTF8, NOT_JSON)], ids=["empty", "blank", "one bad", "all bad"])
def test_nothing_sent_is_exit_code_2_and_said(text: bytes, environment: dict[str, str]) -> None:
    done = sewa(environment, "publish", "-", stdin=text)
    assert done.code == 2
    assert "0 sent" in done.out
    assert done.err
    assert commands(environment) == []


def test_a_last_line_without_an_end_and_windows_ends_are_lines(environment: dict[str, str]) -> None:
    text = json.dumps(create()).encode() + b"\r\n" + json.dumps(create()).encode()
    assert sewa(environment, "publish", "-", "--json", stdin=text).json["sent"] == 2


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_exit_code_2_with_its_name(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    done = sewa(environment, "publish", str(tmp_path / name))
    assert done.code == 2
    assert str(tmp_path / name) in done.err
    assert "Traceback" not in done.err


def test_without_validation_lines_are_sent_as_they_are(environment: dict[str, str]) -> None:
    odd = create(data={"customer": 17}, subject="not-an-id")
    done = sewa(environment, "publish", "-", "--no-validate", stdin=lines(odd, NOT_JSON, NOT_UTF8))
    assert (done.code, len(done.err.splitlines())) == (1, 2)
    (record,) = commands(environment)
    assert (record.key, json.loads(record.value)) == (b"not-an-id", {"customer": 17})


def test_what_kafka_cannot_take_is_a_bad_line_like_any(environment: dict[str, str]) -> None:
    booking, huge = str(new_id()), {"notes": "x" * 2_000_000}
    text = lines(create(booking), create(booking, data=huge), create(booking))
    done = sewa(environment, "publish", "-", "--no-validate", "--json", stdin=text)
    assert (done.code, done.json["sent"], done.json["lines"][0]["line"]) == (1, 2, 2)
    assert len(commands(environment)) == 2


def test_who_may_speak_for_whom_is_respected(environment: dict[str, str]) -> None:
    done = sewa({**environment, "SEWA_SOURCES": '{"shop": ["provider"]}'}, "publish", "-", stdin=lines(create(), accept(str(new_id()))))
    assert done.code == 1
    assert done.err.startswith("line 1: actor-not-allowed: ")
    assert len(commands(environment)) == 1


def test_lines_are_sent_while_more_are_awaited(environment: dict[str, str]) -> None:
    upstream = subprocess.Popen([SEWA, "publish", "-"], env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert upstream.stdin
    upstream.stdin.write(lines(create()))
    upstream.stdin.flush()
    eventually(lambda: commands(environment), within=30)
    assert upstream.poll() is None
    out, _ = upstream.communicate(lines(create()))
    assert (upstream.returncode, out.decode().splitlines()[0]) == (0, "2 sent, 0 bad")


def test_a_topic_that_is_not_there_is_said_with_what_to_do(environment: dict[str, str]) -> None:
    async def remove(kafka: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.delete_topics([BOOKING_COMMANDS.name])
        await admin.close()

    outside_the_loop(remove, environment["KAFKA_BOOTSTRAP_SERVERS"])
    done = sewa(environment, "publish", "-", stdin=lines(create(), create()))
    assert done.code == 2
    assert done.err.splitlines()[0] == f"line 1: there is no topic {BOOKING_COMMANDS.name}: run `sewa topics`"


def test_an_absent_kafka_is_said_within_seconds() -> None:
    began = time.monotonic()
    done = sewa({"KAFKA_BOOTSTRAP_SERVERS": NOBODY}, "publish", "-", "--json", stdin=lines(create()))
    assert (done.code, done.json) == (2, {"sent": 0, "bad": 0, "lines": []})
    assert done.err == f"sewa: Apache Kafka at {NOBODY} does not answer\n"
    assert time.monotonic() - began < 30
