"""Who a message speaks for, such as `customer:<uuid>`, `upstream:<name>` or `system:<service>`."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import StringConstraints

Person = Literal["customer", "provider", "admin"]
Kind = Literal["customer", "provider", "admin", "upstream", "system"]
PEOPLE: tuple[str, ...] = get_args(Person)
KINDS: tuple[str, ...] = get_args(Kind)

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}"
_PATTERN = rf"(?:(?:customer|provider|admin):{_UUID}|(?:upstream|system):{_NAME})"
_ACTOR = re.compile(_PATTERN)

ActorText = Annotated[str, StringConstraints(pattern=f"^{_PATTERN}$")]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody a command may come from; `id` is a person's UUID or the name of a program."""

    kind: str
    id: str

    @classmethod
    def parse(cls, text: str) -> "Actor":
        """Read `kind:id`; ValueError unless the kind is known and the id fits it."""
        if _ACTOR.fullmatch(text):
            kind, _, name = text.partition(":")
            return cls(kind, name)
        kind = text.partition(":")[0]
        if kind in PEOPLE:
            raise ValueError(f"{kind} needs a canonical lower-case UUID after the colon")
        if kind in KINDS:
            raise ValueError(f"{kind} needs a name after the colon")
        raise ValueError(f"should be one of {', '.join(KINDS)}, a colon and an id")

    @classmethod
    def system(cls, service: str) -> "Actor":
        """One of our own services acting by itself."""
        return cls("system", service)

    @property
    def is_person(self) -> bool:
        """Whether a customer, a provider or an admin acts, not a program."""
        return self.kind in PEOPLE

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"
