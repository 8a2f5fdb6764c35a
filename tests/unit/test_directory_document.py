"""A directory's document: the example is good, and whatever is wrong is named with its place."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.directory import PersonUpserted
from services.cli.document import Problem, read

EXAMPLE = Path(__file__).parents[2] / "docs" / "directory-example.json"


def person(**changes: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "role": "customer", "name": "Sita Rai", "active": True, **changes}


def problems(**lists: Any) -> list[tuple[str | None, int | None, str | None, str]]:
    found = read(json.dumps(lists).encode()).problems
    return [(problem.list, problem.index, problem.field, problem.problem) for problem in found]


def test_the_example_holds_people_who_offer_services_and_work_at_hours() -> None:
    document = read(EXAMPLE.read_bytes())
    assert document.problems == []
    people = {data.id: data for _, _, data in document.entries if isinstance(data, PersonUpserted)}
    assert {person.language for person in people.values()} == {"en", "ne"}
    providers = {getattr(data, "provider", None) for name, _, data in document.entries if name != "people"}
    assert {people[provider].role for provider in providers if provider} == {"provider"}
    assert {name for name, _, _ in document.entries} == {"people", "services", "hours", "leave"}


def test_fields_with_a_default_and_whole_lists_may_be_left_out() -> None:
    document = read(json.dumps({"people": [person()]}).encode())
    ((name, index, data),) = document.entries
    assert (name, index, document.problems) == ("people", 0, [])
    assert isinstance(data, PersonUpserted)
    assert (data.language, data.timezone, data.addresses) == ("en", "Asia/Kathmandu", ())


@pytest.mark.parametrize(
    ("entry", "field", "what"),
    [
        (person(id="7"), "id", "Input should be a valid UUID"),
        (person(role="boss"), "role", "Input should be 'customer', 'provider'"),
        (person(active="yes"), "active", "Input should be a valid boolean"),
        ({k: v for k, v in person().items() if k != "name"}, "name", "is missing: add it"),
        (person(emial="sita@example.com"), "emial", "there is no such field: correct its name, or leave it out"),
        (person(addresses=[{"id": str(uuid4()), "label": "Home", "text": "Patan", "zip": 1}]), "addresses.0.zip", "there is no such field"),
        (person(addresses=[{"id": str(uuid4()), "label": "Home", "text": "घ" * 500}] * 50), None, "shorten its texts"),
        ("Sita", None, "should be a JSON object"),
    ],
)
def test_a_bad_entry_is_named_by_list_index_and_field(entry: Any, field: str | None, what: str) -> None:
    ((name, index, where, told),) = problems(people=[person(), entry])
    assert (name, index, where) == ("people", 1, field)
    assert what in told


def test_the_same_person_twice_is_named() -> None:
    one = person()
    assert problems(people=[one, person(), one]) == [("people", 2, "id", "is that of people[0] too: leave one of them out")]


def test_every_problem_is_named_at_once_and_every_bad_entry_counted_once() -> None:
    document = read(json.dumps({"people": [person(), {}], "services": {}, "teachers": []}).encode())
    assert (len(document.entries), document.bad) == (1, 3)
    assert [str(problem) for problem in document.problems] == [
        *(f"people[1].{field}: is missing: add it" for field in ("id", "role", "name", "active")),
        "services: should be a list",
        "teachers: there is no such list; known are people, services, hours, leave",
    ]


@pytest.mark.parametrize("content", [b"", b"{", b'{"people": [], "people": []}', b'{"people": [NaN]}', b"\xff", b"[]"])
def test_what_is_no_document_says_so(content: bytes) -> None:
    (problem,) = read(content).problems
    assert str(problem).startswith("the document: should be ")


def test_a_problem_reads_as_a_line() -> None:
    assert str(Problem("hours", 2, "weekly.sun", "is wrong")) == "hours[2].weekly.sun: is wrong"
