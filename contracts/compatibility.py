"""Whether a message's JSON Schema changed additively, as it must within one version.

Writers of the released schema must still be understood, and readers of it must still understand. A *command* has one
reader, our own: it may take more than before (wider limits, further enum values, null). A *fact* is read by strangers
and kept for ever: a field stays as it is, and one that is added needs a default, because older facts lack it.
"""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

Schema = Mapping[str, object]

KIND = "x-sewabazaar-kind"
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT = ("pattern", "format", "uniqueItems")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What in `new` breaks readers or writers of `old`, a line each with the path of the field; none is compatible."""
    may_widen = old.get(KIND) == "command"
    changes = [] if old.get(KIND) == new.get(KIND) else [f"data: was a {old.get(KIND)}, is a {new.get(KIND)}"]
    return changes + list(_Comparison(old, new, may_widen=may_widen).of("data", old, new))


class _Comparison:
    """One walk over two documents, which each resolve their own references."""

    def __init__(self, old: Schema, new: Schema, *, may_widen: bool) -> None:
        self._old = old
        self._new = new
        self._may_widen = may_widen

    def of(self, path: str, old: object, new: object) -> Iterator[str]:
        before, after = _choices(self._old, old), _choices(self._new, new)
        yield from self._sets(path, "type", frozenset(before), frozenset(after))
        for kind in sorted(before.keys() & after.keys()):
            yield from self._same_kind(path, before[kind], after[kind])

    def _same_kind(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from self._values(path, old, new)
        yield from self._limits(path, old, new)
        yield from self._fields(path, old, new)
        yield from self._items(path, old, new)

    def _sets(self, path: str, what: str, old: frozenset[str], new: frozenset[str]) -> Iterator[str]:
        if old - new:
            yield f"{path}: {what} no longer {_listed(old - new)}"
        if new - old and not self._may_widen:
            yield f"{path}: {what} may now be {_listed(new - old)}"

    def _values(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = _allowed(old), _allowed(new)
        if before is None and after is None:
            return
        if before is None:
            yield f"{path}: values are now limited to {_listed(after or frozenset())}"
        elif after is None:
            if not self._may_widen:
                yield f"{path}: values are no longer limited"
        else:
            yield from self._sets(path, "value", before, after)

    def _limits(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        for name, sign in [*((name, 1) for name in _LOWER), *((name, -1) for name in _UPPER)]:
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            narrower = before is None or (_is_number(before) and _is_number(after) and sign * (after - before) > 0)
            if narrower or not self._may_widen:
                yield f"{path}: {name} was {before}, is {after}"
        for name in _EXACT:
            if old.get(name) != new.get(name) and (name in new or not self._may_widen):
                yield f"{path}: {name} was {old.get(name)}, is {new.get(name)}"

    def _fields(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = _mapping(old.get("properties")), _mapping(new.get("properties"))
        required, now_required = _strings(old.get("required")), _strings(new.get("required"))
        for name in sorted(before.keys() - after.keys()):
            yield f"{path}.{name}: removed"
        for name in sorted(after.keys() - before.keys()):
            if name in now_required and "default" not in _mapping(after[name]):
                yield f"{path}.{name}: added as required"
        for name in sorted(before.keys() & after.keys()):
            if name in now_required - required:
                yield f"{path}.{name}: became required"
            if name in required - now_required and not self._may_widen:
                yield f"{path}.{name}: is no longer always there"
            if _default(before[name]) not in (None, _default(after[name])):
                yield f"{path}.{name}: another default"
            yield from self.of(f"{path}.{name}", before[name], after[name])

    def _items(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if "items" in old and "items" in new:
            yield from self.of(f"{path}[]", old["items"], new["items"])
        elif "items" in new or ("items" in old and not self._may_widen):
            yield f"{path}: what the items may be changed"
        before, after = _sequence(old.get("prefixItems")), _sequence(new.get("prefixItems"))
        if len(before) != len(after):
            yield f"{path}: had {len(before)} fixed items, has {len(after)}"
        for index, (left, right) in enumerate(zip(before, after, strict=False)):
            yield from self.of(f"{path}[{index}]", left, right)


def _choices(document: Schema, schema: object) -> dict[str, Schema]:
    """The alternatives of a schema by JSON type; one without a type is under `any`."""
    resolved = _resolved(document, schema)
    if "anyOf" in resolved:
        parts = [_choices(document, part) for part in _sequence(resolved["anyOf"])]
        return {kind: part for choices in parts for kind, part in choices.items()}
    kinds = resolved.get("type", "any")
    return {str(kind): resolved for kind in (kinds if isinstance(kinds, list) else [kinds])}


def _resolved(document: Schema, schema: object) -> Schema:
    found = _mapping(schema)
    while "$ref" in found:
        name = str(found["$ref"]).removeprefix("#/$defs/")
        found = _mapping(_mapping(document.get("$defs"))[name])
    return found


def _allowed(schema: Schema) -> frozenset[str] | None:
    if "const" in schema:
        return frozenset([str(schema["const"])])
    return _strings(schema["enum"]) if "enum" in schema else None


def _default(schema: object) -> str | None:
    found = _mapping(schema)
    return repr(found["default"]) if "default" in found else None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _mapping(value: object) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _strings(value: object) -> frozenset[str]:
    return frozenset(str(item) for item in _sequence(value))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float)
