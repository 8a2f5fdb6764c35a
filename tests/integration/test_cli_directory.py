"""`sewa directory load` as its user runs it, and what then lies on the topic."""

import json
from pathlib import Path
from typing import Any

from contracts.topics import DIRECTORY_EVENTS
from tests.integration.cli_process import NOBODY, on_topic, sewa

EXAMPLE = Path(__file__).parents[2] / "docs" / "directory-example.json"


def topic(environment: dict[str, str]) -> dict[str, Any]:
    return {record.key.decode(): record for record in on_topic(environment["KAFKA_BOOTSTRAP_SERVERS"], DIRECTORY_EVENTS.name)}


def test_a_document_arrives_under_its_keys_with_every_field_at_business_time(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("2026-11-15T03:15:00Z")
    done = sewa({**environment, "SEWA_CLOCK_FILE": str(tmp_path / "clock")}, "directory", "load", str(EXAMPLE), "--json")
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert (done.code, done.err) == (0, "")
    assert done.json == {"sent": sum(map(len, document.values())), "bad": 0, "problems": []}
    records, sita = topic(environment), document["people"][0]
    assert len(records) == done.json["sent"]
    record = records[f"person:{sita['id']}"]
    assert json.loads(record.value) == {**sita, "timezone": "Asia/Kathmandu"}
    headers = {name: value.decode() for name, value in record.headers}
    assert (headers["ce_source"], headers["ce_actor"], headers["ce_time"]) == (
        "sewabazaar/directory",
        "system:directory",
        "2026-11-15T03:15:00Z",
    )


def test_nothing_is_sent_while_anything_is_wrong(environment: dict[str, str], tmp_path: Path) -> None:
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    document["services"][3]["price"] = 1200
    (tmp_path / "bad.json").write_text(json.dumps(document))
    done = sewa(environment, "directory", "load", str(tmp_path / "bad.json"), "--json")
    (problem,) = done.json["problems"]
    assert (done.code, done.json["sent"], done.json["bad"]) == (1, 0, 1)
    assert (problem["list"], problem["index"], problem["field"]) == ("services", 3, "price")
    assert done.err.startswith("sewa: services[3].price: Input should be a string with exactly two decimals")
    assert topic(environment) == {}


def test_an_empty_document_and_an_absent_kafka_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")
    complaints = {
        tmp_path / "empty.json": "there is nothing to send: all lists are empty",
        EXAMPLE: f"Apache Kafka at {NOBODY} does not answer",
    }
    for file, complaint in complaints.items():
        done = sewa({"KAFKA_BOOTSTRAP_SERVERS": NOBODY}, "directory", "load", str(file))
        assert (done.code, done.out, done.err) == (1, "0 sent, 0 bad\n", f"sewa: {complaint}\n")
