"""Places where a step of a history can be cut off, held up or failed; at most one trap is set at a time."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["crash", "fail", "lose", "doubt", "hold"]


class Crash(BaseException):
    """The process is gone: nothing of it may go on, and nobody in it can catch this."""


@dataclass
class Traps:
    """`place` is sprung at the `number`-th time that it is reached.

    `sprung` counts by service what was cut off, `met` by effect and place.
    """

    place: str = ""
    effect: Effect = "crash"
    number: int = 0
    sprung: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    then_crash: bool = False
    cut_off: str = ""

    def clear(self) -> None:
        """Take the trap away: a new step begins, and connections are whole again."""
        self.place = self.cut_off = ""

    def set(self, place: str, effect: Effect, number: int = 1) -> None:
        """Arm the trap."""
        self.clear()
        self.place, self.effect, self.number, self.then_crash = place, effect, number, False
        self.held.clear()
        self.go.clear()

    async def reach(self, place: str) -> Effect | None:
        """Tell that `place` is reached; return an effect that the caller has to bring about. Raises Crash, OSError."""
        effect = self.touch(place)
        if effect == "hold":
            self.held.set()
            await self.go.wait()
            effect = "crash" if self.then_crash else "hold"
        return self._spring(place, effect) if effect else None

    def cut(self, kind: str) -> Effect | None:
        """Tell that a place of the database is reached, whichever service is at it; return what becomes of the connection."""
        place = self.place if self.place.endswith(f" {kind}") else ""
        effect = self.touch(place) if place else None
        return self._spring(place, effect) if effect else None

    def touch(self, place: str) -> Effect | None:
        """Return the effect if this is the time to spring the trap."""
        if place != self.place:
            return None
        self.number -= 1
        if self.number != 0:
            return None
        self.place = ""
        return self.effect

    def _spring(self, place: str, effect: Effect) -> Effect:
        who, _, where = place.partition(" ")
        if effect != "hold":
            self.sprung[who.partition(".")[0]] += 1
            self.met[f"{effect} {place if who == 'mail' else where}"] += 1
        if effect == "crash":
            raise Crash(place)
        if effect == "fail":
            raise OSError(f"a trap at {place}")
        return effect
