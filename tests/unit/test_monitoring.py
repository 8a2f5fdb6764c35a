"""What Prometheus scrapes, and that every query of the dashboards is one and asks for series that exist."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from ops.grafana.draw import FOLDER, board
from services.cli.known import SERVICES

ROOT = Path(__file__).parents[2]
PROMETHEUS = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text(encoding="utf-8"))
CONTAINERS = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
JOBS = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
PROVISIONED = ROOT / "ops/grafana/provisioning"
BOARDS = sorted((ROOT / FOLDER).glob("*.json"))

COUNTERS = {
    "booking_events_total", "booking_expiry_commands_total", "commands_total", "notifications_total", "dead_letters_total",
}  # fmt: skip
GAUGES = {
    "booking_status", "booking_completion_ratio", "booking_auto_cancel_ratio", "booking_overdue_bookings", "booking_value_npr",
    "booking_expiry_breaker_open", "parked_commands", "outbox_pending", "outbox_oldest_seconds", "consumer_lag", "replay_active",
    "replay_divergence",
}  # fmt: skip
HISTOGRAMS = {
    f"{name}{part}" for name in ("booking_expiry_lag_seconds", "provider_response_seconds") for part in ("_bucket", "_count", "_sum")
}


def metrics_modules() -> list[ModuleType]:
    paths = sorted((ROOT / "services").glob("*/metrics.py"))
    return [import_module(f"services.{path.parent.name}.metrics") for path in paths]


def defined() -> set[str]:
    """The series that the processes export about themselves."""
    metrics = [value for module in metrics_modules() for value in vars(module).values() if isinstance(value, MetricWrapperBase)]
    found: set[str] = set()
    for family in (family for metric in metrics for family in metric.describe()):
        parts = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        found |= {f"{family.name}{part}" for part in parts}
    return found


KNOWN = COUNTERS | GAUGES | HISTOGRAMS | defined() | {"up"}


def queries(path: Path) -> list[str]:
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]


def selectors(expression: Any) -> Iterator[Any]:
    """Every selector of a parsed query."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        yield from selectors(getattr(expression, name)) if getattr(expression, name, None) is not None else ()
    for argument in getattr(expression, "args", ()):
        yield from selectors(argument)


def asked_for(path: Path) -> set[str]:
    return {selector.name for query in queries(path) for selector in selectors(promql_parser.parse(query))}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_scraped_where_it_serves_its_metrics(service: str) -> None:
    assert JOBS[service]["static_configs"] == [{"targets": [f"{service}:{SERVICES[service].port}"]}]


def test_every_copy_is_scraped() -> None:
    targets = {target for job in JOBS.values() for one in job["static_configs"] for target in one["targets"]}
    copies = {f"{name}:{one['port']}" for job in JOBS.values() for one in job.get("dns_sd_configs", ()) for name in one["names"]}
    checks = {name: one["healthcheck"]["test"][-1] for name, one in CONTAINERS.items() if one.get("command", [""])[:2] == ["sewa", "run"]}
    serving = {f"{name}:{urlsplit(check).port}" for name, check in checks.items()}
    assert targets | copies == serving | {"localhost:9090"}


def test_the_dashboards_are_those_that_are_written_down() -> None:
    assert [path.stem for path in BOARDS] == ["bookings", "expiry", "pipeline"]
    assert [json.loads(path.read_text(encoding="utf-8")) for path in BOARDS] == [board(path.stem) for path in BOARDS]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_dashboards_ask_only_for_series_that_exist(path: Path) -> None:
    assert asked_for(path) - KNOWN == set()


def test_the_dashboards_show_what_operators_look_for() -> None:
    shown = {path.stem: asked_for(path) for path in BOARDS}
    assert shown["bookings"] >= {
        "booking_completion_ratio",
        "booking_auto_cancel_ratio",
        "booking_status",
        "booking_events_total",
        "booking_value_npr",
    }
    assert shown["expiry"] >= {"booking_overdue_bookings", "booking_expiry_lag_seconds_bucket", "booking_expiry_commands_total"}
    assert shown["pipeline"] >= {
        "consumer_lag",
        "outbox_pending",
        "dead_letters_total",
        "parked_commands",
        "commands_total",
        "notifications_total",
    }


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_have_ids_of_their_own_and_do_not_overlap(path: Path) -> None:
    panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
    cells = [(x, y) for p in panels for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
             for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])]  # fmt: skip
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    source = yaml.safe_load((PROVISIONED / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"][0]
    provider = yaml.safe_load((PROVISIONED / "dashboards/sewabazaar.yml").read_text(encoding="utf-8"))["providers"][0]
    used = {panel["datasource"]["uid"] for path in BOARDS for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]}
    assert used == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert f"./{FOLDER}:{provider['options']['path']}:ro" in CONTAINERS["grafana"]["volumes"]


@pytest.mark.parametrize(
    ("query", "names"), [("a + sum(rate(b[5m]))", {"a", "b"}), ("histogram_quantile(0.5, c) > topk(3, d offset 1m)", {"c", "d"})]
)
def test_the_names_in_a_query_are_found(query: str, names: set[str]) -> None:
    assert {selector.name for selector in selectors(promql_parser.parse(query))} == names
