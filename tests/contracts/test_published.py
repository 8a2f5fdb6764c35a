"""The documents for others are those of the code, and the released messages still hold."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.compatibility import breaking_changes
from contracts.publish import FOLDER, documents, text_of, write
from contracts.topics import TOPICS

RELEASED = Path(__file__).parent / "released"
Plant = Callable[[dict[str, Any]], object]


def test_what_is_committed_is_what_the_code_publishes() -> None:
    committed = {path.relative_to(FOLDER).as_posix() for path in [*FOLDER.glob("*.json"), *FOLDER.glob("schemas/*")]}
    assert committed == set(documents())
    for path, document in documents().items():
        assert (FOLDER / path).read_text() == text_of(document), f"run python -m contracts.publish for {path}"


def test_publishing_writes_every_document(tmp_path: Path) -> None:
    written = write(tmp_path)
    assert len(written) == len(documents()) == 53
    assert all(path.read_text().endswith("}\n") for path in written)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("schemas/*")), ids=lambda path: path.name)
def test_a_schema_says_what_it_is(path: Path) -> None:
    schema = json.loads(path.read_text())
    assert schema["$id"] == f"urn:sewabazaar:contracts:{path.name.removesuffix('.json')}"
    assert schema["title"] == path.name.split(".")[0]
    assert schema["description"].endswith(".")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_our_own_facts_always_have_all_their_keys() -> None:
    for topic in TOPICS:
        for contract in topic.carries if not topic.open else ():
            schema: dict[str, Any] = documents()[f"schemas/{contract.__name__}.v1.json"]
            assert set(schema["required"]) == set(schema["properties"])


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [ref for value in node.values() for ref in references(value)]
    return [ref for item in node for ref in references(item)] if isinstance(node, list) else []


def test_every_reference_of_the_description_leads_somewhere() -> None:
    document = json.loads((FOLDER / "asyncapi.json").read_text())
    assert set(document["channels"]) == {topic.name.removesuffix(".v1").replace(".", "-") for topic in TOPICS}
    for reference in references(document):
        if reference.startswith("./"):
            assert (FOLDER / reference).is_file()
            continue
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*.json")), ids=lambda path: path.name)
def test_a_released_message_changed_additively_at_most(path: Path) -> None:
    new = documents()[f"schemas/{path.name}"]
    assert breaking_changes(json.loads(path.read_text()), new) == []


def planted(name: str, plant: Plant) -> list[str]:
    old = json.loads((RELEASED / f"{name}.v1.json").read_text())
    new = copy.deepcopy(old)
    plant(new)
    assert new != old, "nothing was planted"
    return breaking_changes(old, new)


def field(name: str, **changes: Any) -> Plant:
    def plant(schema: dict[str, Any]) -> None:
        found = schema["properties"][name]
        for key, value in changes.items():
            found.pop(key, None) if value is None else found.update({key: value})

    return plant


def optional(name: str, **changes: Any) -> Plant:
    return lambda schema: schema["properties"][name]["anyOf"][0].update(changes)


def term(name: str, **changes: Any) -> Plant:
    return lambda schema: schema["$defs"]["Term"]["properties"][name].update(changes)


def added(name: str, *, required: bool, **extra: Any) -> Plant:
    def plant(schema: dict[str, Any]) -> None:
        schema["properties"][name] = {"type": "string", **extra}
        if required:
            schema["required"].append(name)

    return plant


def no_longer_required(name: str) -> Plant:
    return lambda schema: schema["required"].remove(name)


BREAKING: list[tuple[str, Plant, str]] = [
    ("CreateBooking", lambda s: s["properties"].pop("notes"), "data.notes: removed"),
    ("CreateBooking", lambda s: s["required"].append("notes"), "data.notes: became required"),
    ("CreateBooking", added("colour", required=True), "data.colour: added as required"),
    ("CreateBooking", field("duration_minutes", type="string"), "data.duration_minutes: type no longer integer"),
    ("CreateBooking", field("duration_minutes", maximum=1440), "data.duration_minutes: maximum was 10080, is 1440"),
    ("CreateBooking", field("duration_minutes", minimum=5), "data.duration_minutes: minimum was 1, is 5"),
    ("CreateBooking", field("prepaid", const=False), "data.prepaid: values are now limited to False"),
    ("CreateBooking", field("currency", default="USD"), "data.currency: another default"),
    ("CreateBooking", field("category", pattern="^[a-z]+$"), "data.category: pattern was"),
    ("CreateBooking", field("customer", maxLength=36), "data.customer: maxLength was None, is 36"),
    ("CreateBooking", optional("notes", maxLength=200), "data.notes: maxLength was 2000, is 200"),
    ("CreateBooking", lambda s: s["properties"]["notes"]["anyOf"].pop(), "data.notes: type no longer null"),
    ("CreateBooking", lambda s: s.update({"x-sewabazaar-kind": "fact"}), "data: was a command, is a fact"),
    ("OverrideBooking", lambda s: s["properties"]["target"]["enum"].pop(), "data.target: value no longer cancelled"),
    ("DeliverService", field("photos", maxItems=5), "data.photos: maxItems was 10, is 5"),
    ("ExpireBooking", term("hours", maximum=100), "data.evidence.terms[].hours: maximum was 8760, is 100"),
    (
        "ExpireBooking",
        lambda s: s["$defs"]["Term"]["properties"].pop("skipped"),
        "data.evidence.terms[].skipped: removed",
    ),
    ("BookingAccepted", lambda s: s["properties"].pop("ends_at"), "data.ends_at: removed"),
    ("BookingAccepted", no_longer_required("ends_at"), "data.ends_at: is no longer always there"),
    (
        "BookingAccepted",
        lambda s: s["properties"]["status"]["enum"].append("lost"),
        "data.status: value may now be lost",
    ),
    ("BookingAccepted", field("status", enum=None), "data.status: values are no longer limited"),
    ("BookingAccepted", field("ends_at", format=None), "data.ends_at: format was date-time, is None"),
    ("BookingAccepted", added("colour", required=True), "data.colour: added as required"),
    (
        "BookingRescheduled",
        field("duration_minutes", maximum=20160),
        "data.duration_minutes: maximum was 10080, is 20160",
    ),
    ("BookingNotesEdited", field("notes", type=["string", "null"]), "data.notes: type may now be null"),
    ("ServiceDelivered", field("photos", items=None), "data.photos: what the items may be changed"),
    (
        "CalendarPublished",
        lambda s: s["properties"]["years"]["prefixItems"].pop(),
        "data.years: had 2 fixed items, has 1",
    ),
]


@pytest.mark.parametrize(("name", "plant", "report"), BREAKING, ids=lambda value: value if isinstance(value, str) else "")
def test_a_breaking_change_is_reported(name: str, plant: Plant, report: str) -> None:
    found = planted(name, plant)
    assert len(found) == 1
    assert found[0].startswith(report)


ADDITIVE: list[tuple[str, Plant]] = [
    ("CreateBooking", added("colour", required=False)),
    ("CreateBooking", lambda s: s["required"].remove("category")),
    ("CreateBooking", field("duration_minutes", maximum=20160)),
    ("CreateBooking", field("duration_minutes", maximum=None)),
    ("CreateBooking", field("category", type=["string", "null"])),
    ("CreateBooking", field("category", description="What it is.")),
    ("OverrideBooking", lambda s: s["properties"]["target"]["enum"].append("created")),
    ("OverrideBooking", field("target", enum=None)),
    ("BookingAccepted", added("colour", required=False)),
    ("BookingAccepted", added("colour", required=True, default="red")),
    ("BookingAccepted", field("ends_at", description="When it ends.")),
]


@pytest.mark.parametrize(("name", "plant"), ADDITIVE)
def test_an_additive_change_is_not(name: str, plant: Plant) -> None:
    assert planted(name, plant) == []
