"""What every test may ask for. Servers start with the first test that needs them and end with the session."""

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from services.runtime.embedded import StartFailed
from tests.servers import (
    MIGRATED,
    PARTITIONS,
    copied_database,
    free_ports,
    kafka_server,
    migrated_template,
    postgres_server,
    recreate_topics,
)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
OURS = ("AUTO_CANCEL_", "AUTO_CONFIRM_", "DATABASE_", "KAFKA_", "SEWA_")
KEPT = {"SEWA_CACHE", "SEWA_MAVEN_URL"}

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if IN_CI else "local")


def pytest_configure() -> None:
    """Let SIGTERM end a session as Ctrl-C does, with everything torn down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped has failed."""
    report = yield
    return _unskipped(report) if not hasattr(report, "wasxfail") else report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI a file of tests that is skipped has failed."""
    return _unskipped((yield))


def _unskipped(report: Report) -> Report:
    if IN_CI and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not accept: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def settings_of_the_developer_do_not_count() -> Iterator[None]:
    """Take our variables, except where downloads are kept, out of the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - KEPT:
            if name.startswith(OURS):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL, `postgresql://booking@host:port/booking`; the user may do everything."""
    try:
        with postgres_server() as url:
            yield url
    except StartFailed as failure:
        pytest.skip(str(failure))


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """The name of a database with the newest schema of every service."""
    return migrated_template(postgres_url)


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A migrated, empty database that nobody else uses."""
    with copied_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a running Apache Kafka that has our topics, with whatever earlier tests left in them."""
    try:
        with kafka_server() as bootstrap:
            yield bootstrap
    except StartFailed as failure:
        pytest.skip(str(failure))


@pytest.fixture
def clean_kafka(kafka: str) -> str:
    """Bootstrap servers, after the topics were emptied and the groups' offsets forgotten; dead members may linger in a group."""
    recreate_topics(kafka)
    return kafka


@pytest.fixture
def environment(database_url: str, clean_kafka: str, tmp_path: Path) -> dict[str, str]:
    """The variables that a process of ours needs on servers and ports of this test; add them to `os.environ`."""
    ports = {f"SEWA_{service.upper()}_PORT": str(port) for service, port in zip(MIGRATED, free_ports(len(MIGRATED)), strict=True)}
    return {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": clean_kafka,
        "SEWA_ENV": "test",
        "SEWA_HOME": str(tmp_path / "home"),
        "SEWA_MAIL_DIR": str(tmp_path / "mail"),
        "SEWA_TOPIC_PARTITIONS": str(PARTITIONS),
        **ports,
    }
