"""The closed list of what processes export: names, kinds and labels that dashboards and alerts rely on."""

from collections.abc import AsyncIterator, Iterable

import pytest
from prometheus_client import REGISTRY, Metric
from prometheus_client.registry import Collector

import services.notifier.app
from services.booking import exporter
from services.expiry import app as expiry
from services.runtime.process import measure_backlog
from tests.builders import NOW, accept, bookings, create, expire
from tests.integration.booking_service import Service, opened
from tests.integration.figures_by_hand import NEPAL

CLOSED = {
    "booking_events": ("counter", {"type", "category"}),
    "booking_status": ("gauge", {"status"}),
    "booking_completion_ratio": ("gauge", {"window"}),
    "booking_auto_cancel_ratio": ("gauge", {"window"}),
    "booking_overdue_bookings": ("gauge", set()),
    "booking_value_npr": ("gauge", set()),
    "provider_response_seconds": ("histogram", {"le"}),
    "booking_expiry_lag_seconds": ("histogram", {"le"}),
    "booking_expiry_commands": ("counter", {"outcome"}),
    "booking_expiry_breaker_open": ("gauge", set()),
    "commands": ("counter", {"type", "outcome"}),
    "notifications": ("counter", {"channel", "template", "outcome"}),
    "dead_letters": ("counter", {"topic", "reason"}),
    "parked_commands": ("gauge", set()),
    "outbox_pending": ("gauge", set()),
    "outbox_oldest_seconds": ("gauge", set()),
    "consumer_lag": ("gauge", {"topic", "group"}),
    "replay_active": ("gauge", set()),
    "replay_divergence": ("gauge", set()),
}
OF_OUR_OWN = {
    "booking_maintenance_commands": ("counter", {"outcome"}),
    "outbox_held": ("gauge", set()),
    "booking_undated_bookings": ("gauge", set()),
    "loop_failures": ("counter", {"loop"}),
}
Shape = dict[str, tuple[str, set[str]]]


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


def exported_by_each() -> Shape:
    """What every process exports of itself, by the collectors that its modules have made."""
    made: Iterable[Collector] = REGISTRY._collector_to_names
    return {c._name: (c._type, set(c._labelnames)) for c in made if hasattr(c, "_labelnames")}  # type: ignore[attr-defined]


def shape(families: Iterable[Metric]) -> Shape:
    return {family.name: (family.type, {label for sample in family.samples for label in sample.labels}) for family in families}


async def test_processes_export_the_closed_list_and_no_more(service: Service) -> None:
    one, two = bookings(2)
    await service.settle(create(one), create(two), accept(one), expire(two))
    async with service.engine.connect() as connection:
        families = [*await exporter.reading(NEPAL)(connection, NOW), *await expiry.measure(connection, NOW)]
        families += await measure_backlog("booking", connection, NOW)
    assert services.notifier.app is not None
    found = exported_by_each() | shape(families)
    assert {name: found.get(name) for name in CLOSED} == CLOSED
    assert found.keys() - CLOSED.keys() == OF_OUR_OWN.keys()
