"""Settings come from the environment; a wrong one stops the start and is named as the variable that holds it."""

from datetime import date
from pathlib import Path

import pytest

from contracts.actors import Actor
from services.booking.settings import BookingSettings
from services.runtime.errors import Misconfigured
from services.runtime.settings import RuntimeSettings, environment_name

URL = "postgresql://booking@127.0.0.1:5432/booking"


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing but what has no default, whatever the tests themselves are run with."""
    for field in BookingSettings.model_fields:
        monkeypatch.delenv(environment_name(BookingSettings, field), raising=False)
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    return monkeypatch


def test_two_addresses_are_all_that_must_be_set() -> None:
    settings = BookingSettings.load()
    assert (settings.database_url, settings.direct_url, settings.kafka) == (URL, URL, "127.0.0.1:9092")
    assert (settings.slot, settings.port, settings.batch, settings.pool_size) == (0, 8101, 500, 4)
    assert (settings.env, settings.clock_file, settings.inbox_days) == ("development", None, 30)


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("DATABASE_DIRECT_URL", "postgres://booking@127.0.0.1:6000/booking", "direct_url", "postgres://booking@127.0.0.1:6000/booking"),
        (
            "DATABASE_URL",
            "postgresql://booking@/booking?host=/run/postgresql",
            "database_url",
            "postgresql://booking@/booking?host=/run/postgresql",
        ),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka-1:9092,[::1]:9092,kafka", "kafka", "kafka-1:9092,[::1]:9092,kafka"),
        ("SEWA_SLOT", "3", "slot", 3),
        ("SEWA_ENV", "production", "env", "production"),
        ("SEWA_CLOCK_FILE", "/run/clock", "clock_file", Path("/run/clock")),
        ("SEWA_BATCH", "2000", "batch", 2000),
        ("SEWA_POOL_SIZE", "9", "pool_size", 9),
        ("SEWA_PARTITIONS_FROM", "2024-01-01", "partitions_from", date(2024, 1, 1)),
        ("SEWA_BOOKING_PORT", "9101", "port", 9101),
        ("SEWA_INBOX_DAYS", "60", "inbox_days", 60),
        ("SEWA_LOG_LEVEL", "DEBUG", "log_level", "DEBUG"),
        ("SEWA_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("SEWA_SLOT", "", "slot", 0),
    ],
)
def test_every_setting_is_read_from_its_variable(surroundings: pytest.MonkeyPatch, name: str, value: str, field: str, read: object) -> None:
    surroundings.setenv(name, value)
    assert getattr(BookingSettings.load(), field) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/booking"),
        ("DATABASE_DIRECT_URL", "localhost:5432"),
        ("SEWA_SLOT", "-1"),
        ("SEWA_SLOT", "100"),
        ("SEWA_SLOT", "first"),
        ("SEWA_ENV", "staging"),
        ("SEWA_BATCH", "0"),
        ("SEWA_BATCH", "2001"),
        ("SEWA_POOL_SIZE", "0"),
        ("SEWA_BOOKING_PORT", "65536"),
        ("SEWA_INBOX_DAYS", "7"),
        ("SEWA_PARTITIONS_FROM", "yesterday"),
        ("SEWA_LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "postgresql://host:port/booking"),
        ("DATABASE_URL", "mysql://host/booking"),
        ("DATABASE_DIRECT_URL", "host/booking"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:x"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "http://kafka:9092"),
        ("SEWA_SOURCES", "[]"),
        ("SEWA_SOURCES", '{"shop": ["dog"]}'),
        ("SEWA_SOURCES", "not json"),
    ],
)
def test_a_wrong_setting_is_named(surroundings: pytest.MonkeyPatch, name: str, value: str) -> None:
    surroundings.setenv(name, value)
    with pytest.raises(Misconfigured, match=f"{name}: "):
        BookingSettings.load()


def test_all_wrong_settings_are_named_at_once(surroundings: pytest.MonkeyPatch) -> None:
    surroundings.delenv("DATABASE_URL")
    surroundings.setenv("SEWA_SLOT", "-1")
    with pytest.raises(Misconfigured, match=r"DATABASE_URL: .*; SEWA_SLOT: "):
        BookingSettings.load()


def test_sources_say_who_may_speak_for_whom(surroundings: pytest.MonkeyPatch) -> None:
    surroundings.setenv("SEWA_SOURCES", '{"shop": ["customer"]}')
    allowed = BookingSettings.load().allowed_sources
    customer, admin = Actor("customer", "c"), Actor("admin", "a")
    assert (allowed.allows("shop", customer), allowed.allows("shop", admin)) == (True, False)
    assert not allowed.allows("elsewhere", customer)


@pytest.mark.parametrize("field", sorted(BookingSettings.model_fields))
def test_every_setting_has_a_variable_and_a_description(field: str) -> None:
    name = environment_name(BookingSettings, field)
    assert name.startswith(("SEWA_", "AUTO_CONFIRM_", "DATABASE_", "KAFKA_"))
    assert BookingSettings.model_fields[field].description


def test_settings_cannot_be_changed_afterwards() -> None:
    settings = RuntimeSettings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.slot = 1  # type: ignore[misc]
