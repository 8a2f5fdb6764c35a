"""Which sources may speak for which kinds of actor (the setting SEWA_SOURCES)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.actors import KINDS, Actor

OWN_PREFIX = "sewabazaar/"


@dataclass(frozen=True, slots=True)
class Sources:
    """The kinds of actor by source; None lets every source speak for any kind but `system`."""

    kinds: Mapping[str, frozenset[str]] | None = None

    @classmethod
    def parse(cls, text: str | None) -> "Sources":
        """Read `{source: [kinds]}`; None is the default. ValueError says what is wrong with the setting."""
        if text is None:
            return cls()
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ValueError(f"SEWA_SOURCES is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise ValueError("SEWA_SOURCES should be a JSON object of source: [kinds of actor]")
        return cls(MappingProxyType({source: _kinds(source, kinds) for source, kinds in given.items()}))

    def allows(self, source: str, actor: Actor) -> bool:
        """Whether `source` may speak for `actor`; our own services always may in their own `system:` name."""
        if actor.kind == "system" and source == OWN_PREFIX + actor.id:
            return True
        if self.kinds is None:
            return actor.kind != "system"
        return actor.kind in self.kinds.get(source, ())


def _kinds(source: str, kinds: object) -> frozenset[str]:
    if not source:
        raise ValueError("SEWA_SOURCES has an empty source")
    if not isinstance(kinds, list):
        raise ValueError(f"SEWA_SOURCES: {source} should have a list of kinds")
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"SEWA_SOURCES: {source} has the unknown kind {kind!r}; known are {', '.join(KINDS)}")
    return frozenset(kinds)
