"""Everything that `sewa top` shows, gathered at once; what does not answer is unknown, and no reason to fail."""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from contracts.values import instant_text
from services.cli.endpoints import VerbSettings, adopt, answering_database
from services.cli.horizon import horizon
from services.cli.picture import ANSWER_SECONDS, Picture, look
from services.cli.pulse import Pulse, Rates, Recent, feel_pulse
from services.runtime.clock import business_clock
from services.runtime.errors import Halt

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sight:
    """The picture of `sewa status`, and what moves: rates, the next deadlines by hour, the newest events; None is unknown."""

    now: datetime
    picture: Picture
    rates: Rates
    ahead: list[int] | None
    recent: tuple[Recent, ...] | None

    def age(self, event: Recent) -> float:
        """Return how many seconds of business time ago an event happened."""
        return max(0.0, (self.now - event.at).total_seconds())

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it; null is unknown."""
        recent = self.recent and [
            {**asdict(event), "at": instant_text(event.at), "age_seconds": round(self.age(event), 3)} for event in self.recent
        ]
        return {
            "as_of": instant_text(self.now),
            **self.picture.as_json(),
            "per_second": asdict(self.rates),
            "deadlines_by_hour": self.ahead,
            "recent": list(recent) if recent is not None else None,
        }


class Eye:
    """Looks again and again, and remembers the last pulse: rates are the pace since then."""

    def __init__(self, settings: VerbSettings) -> None:
        """Look at the system that `settings` name. Raises Misconfigured for a clock file that cannot be read."""
        self._settings, self._clock = settings, business_clock(settings.clock_file, settings.env)
        self._pulse: Pulse | None = None

    async def feel(self) -> bool:
        """Take the pulse that the next look compares with; return whether there was one."""
        self._pulse = await _known(self._feel())
        return self._pulse is not None

    async def look(self) -> Sight:
        """Look at everything."""
        now, before = self._clock.now(), self._pulse
        picture, ahead, _ = await asyncio.gather(look(adopt(), self._settings), _known(self._horizon(now)), self.feel())
        rates = self._pulse.counts.since(before.counts if before else None) if self._pulse else Rates()
        return Sight(self._clock.now(), picture, rates, ahead, self._pulse.recent if self._pulse else None)

    async def _feel(self) -> Pulse:
        if not self._settings.kafka:
            raise Halt("KAFKA_BOOTSTRAP_SERVERS is not set")
        return await feel_pulse(self._settings.kafka)

    async def _horizon(self, now: datetime) -> list[int] | None:
        if not self._settings.database_url:
            raise Halt("DATABASE_URL is not set")
        with answering_database(self._settings.database_url):
            return await horizon(self._settings.database_url, now)


async def _known(answer: Awaitable[T]) -> T | None:
    """Return an answer, None when there is none in time: the picture says why."""
    try:
        return await asyncio.wait_for(answer, ANSWER_SECONDS)
    except (Halt, KafkaError, TimeoutError):
        return None
