"""Series that are read from the database and exported by one process of a service at a time, so that summing over processes is right."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.db import Lock
from services.runtime.loops import Step, led

Families: TypeAlias = Sequence[Metric]
Reading: TypeAlias = Callable[[AsyncConnection, datetime], Awaitable[Families]]


@dataclass(eq=False)
class Exhibit(Collector):
    """What this process exports of such series: those it has read last, by the name of their loop, and none that another process leads."""

    shown: dict[str, Families] = field(default_factory=dict)

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: another exhibit of the same series may be registered, and show nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return what is shown."""
        return [family for families in list(self.shown.values()) for family in families]


def exported(lock: Lock, exhibit: Exhibit, name: str, read: Reading) -> Step:
    """Return the step that shows what `read` returns while this process holds `lock`, and withdraws it as soon as it does not."""

    async def show(connection: AsyncConnection, now: datetime) -> bool:
        exhibit.shown[name] = await read(connection, now)
        return True

    leading = led(lock, show)

    async def run_once(now: datetime) -> bool:
        leads = False
        try:
            leads = await leading(now)
        finally:
            if not leads:
                exhibit.shown.pop(name, None)
        return False

    return run_once


def gauge(name: str, about: str, value: float) -> Metric:
    """Return a series without labels."""
    return GaugeMetricFamily(name, about, value=value)
