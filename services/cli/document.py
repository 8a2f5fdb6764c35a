"""A directory as one JSON document: it is held against the contracts as a whole before anything of it counts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from contracts.deadletters import VALUE_LIMIT
from contracts.directory import Directory, PersonUpserted, ProviderHoursSet, ProviderLeaveSet, ServiceUpserted
from contracts.jsontext import Json, read_json
from contracts.wire import Unreadable

LISTS: Mapping[str, type[Directory]] = {
    "people": PersonUpserted,
    "services": ServiceUpserted,
    "hours": ProviderHoursSet,
    "leave": ProviderLeaveSet,
}
NAMES = ", ".join(LISTS)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong where, and what should be there instead; entries of a list count from 0."""

    list: str | None
    index: int | None
    field: str | None
    problem: str

    def __str__(self) -> str:
        """Return it as a line, such as `people[0].email: …`."""
        where = "the document" if self.list is None else self.list if self.index is None else f"{self.list}[{self.index}]"
        return f"{where}.{self.field}: {self.problem}" if self.field else f"{where}: {self.problem}"


@dataclass(slots=True)
class Document:
    """What could be read, entry by entry in the order of the file, and what is wrong with the rest."""

    entries: list[tuple[str, int, Directory]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """How many entries have problems."""
        return len({(problem.list, problem.index) for problem in self.problems})


def read(content: bytes) -> Document:
    """Read `{"people": […], "services": […], "hours": […], "leave": […]}`; a list may be absent, as may fields with a default."""
    document = Document()
    try:
        lists = read_json(content)
    except Unreadable as problem:
        document.problems.append(Problem(None, None, None, f"should be JSON: {problem.error}"))
        return document
    if not isinstance(lists, dict):
        document.problems.append(Problem(None, None, None, f"should be a JSON object of the lists {NAMES}"))
        return document
    for name, entries in lists.items():
        _read_list(document, name, entries)
    return document


def _read_list(document: Document, name: str, entries: Json) -> None:
    if name not in LISTS:
        document.problems.append(Problem(name, None, None, f"there is no such list; known are {NAMES}"))
    elif not isinstance(entries, list):
        document.problems.append(Problem(name, None, None, "should be a list"))
    else:
        seen: dict[str, int] = {}
        for index, entry in enumerate(entries):
            document.problems += [Problem(name, index, where, what) for where, what in _read_entry(document, name, index, entry, seen)]


def _read_entry(document: Document, name: str, index: int, entry: Json, seen: dict[str, int]) -> Iterator[tuple[str | None, str]]:
    """Add the entry to the document, and yield what is wrong with it by field."""
    contract = LISTS[name]
    if not isinstance(entry, dict):
        yield None, "should be a JSON object"
        return
    try:
        data = contract.model_validate_json(json.dumps(entry), by_alias=True, by_name=False)
    except ValidationError as error:
        yield from ((_place(problem["loc"]), _told(problem["type"], problem["msg"])) for problem in error.errors())
        return
    first = seen.setdefault(data.required_subject(), index)
    if first != index:
        yield data.about[1], f"is that of {name}[{first}] too: leave one of them out"
    if (size := len(data.model_dump_json().encode())) > VALUE_LIMIT:
        yield None, f"has {size} bytes as a message, at most {VALUE_LIMIT} fit into one: shorten its texts"
    yield from (
        (place, "there is no such field: correct its name, or leave it out") for place in _unknown(entry, data.model_dump(mode="json"))
    )
    document.entries.append((name, index, data))


def _place(location: tuple[int | str, ...]) -> str | None:
    return ".".join(map(str, location)) or None


def _told(kind: str, message: str) -> str:
    return "is missing: add it" if kind == "missing" else message


def _unknown(given: Json, understood: object, at: str = "") -> Iterator[str]:
    """Yield where `given` says something that the contract has no place for: most likely a slip of the pen."""
    if isinstance(given, dict) and isinstance(understood, dict):
        for name, value in given.items():
            if name not in understood:
                yield f"{at}{name}"
            else:
                yield from _unknown(value, understood[name], f"{at}{name}.")
    elif isinstance(given, list) and isinstance(understood, list):
        for index, (value, kept) in enumerate(zip(given, understood, strict=False)):
            yield from _unknown(value, kept, f"{at}{index}.")
