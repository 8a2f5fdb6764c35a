"""`sewa analytics`: the figures of a period as programs and as people read them."""

import asyncio
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.builders import accept, bookings, create, expire
from tests.integration.booking_service import opened
from tests.integration.cli_process import Done, sewa
from tests.integration.figures_by_hand import LOG, Told, by_hand, told
from tests.integration.random_bookings import live

KEYS = {
    *("total", "resolved", "completed", "expired", "maintenance", "cancelled_other", "open"),
    *(f"{name}_rate{of}" for name in ("completion", "auto_cancellation", "other_cancellation") for of in ("", "_of_total")),
    *("average_booking_value", "currency", "revenue_gross", "revenue_net", "satisfaction", "provider_response"),
}


@pytest.fixture
def environment_of(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A database, the business clock at half past eleven on the evening of 20 November in Nepal, and nothing else."""
    clock = tmp_path / "clock"
    clock.write_text("2026-11-20T17:45:00Z")
    return {"DATABASE_URL": database_url, "SEWA_CLOCK_FILE": str(clock), "SEWA_HOME": str(tmp_path), "SEWA_ENV": "test"}


def some_live(database_url: str) -> list[Told]:
    async def run() -> list[Told]:
        async with opened(database_url) as service:
            await live(service, 8, number=40, rounds=20)
            return told(await service.rows(LOG))

    return asyncio.run(run())


def two_expire(database_url: str) -> None:
    async def run() -> None:
        async with opened(database_url) as service:
            one, two, three = bookings(3)
            await service.settle(create(one), create(two), create(three), accept(three), expire(one), expire(two))

    asyncio.run(run())


def analytics(environment: dict[str, str], *arguments: str) -> Done:
    return sewa(environment, "analytics", *arguments)


def test_programs_get_the_documented_object(environment_of: dict[str, str]) -> None:
    lived = some_live(environment_of["DATABASE_URL"])
    shown = analytics(environment_of, "--from", "2026-11-01", "--to", "2026-12-01", "--group-by", "provider", "--json").json
    now = shown["as_of"]
    assert now == "2026-11-20T17:45:00Z"
    assert list(shown) == ["from", "to", "timezone", "as_of", "totals", "groups"]
    assert (shown["totals"].keys(), shown["groups"][0].keys()) == (KEYS, KEYS | {"key"})
    assert shown == by_hand(lived, date(2026, 11, 1), date(2026, 12, 1), datetime.fromisoformat(now), "provider")


def test_without_dates_it_is_the_last_thirty_local_days(environment_of: dict[str, str]) -> None:
    shown = analytics(environment_of, "--json").json
    assert (shown["from"], shown["to"], shown["timezone"]) == ("2026-10-22", "2026-11-21", "Asia/Kathmandu")
    assert shown["totals"]["completion_rate"] is None


def test_people_get_tables(environment_of: dict[str, str]) -> None:
    two_expire(environment_of["DATABASE_URL"])
    done = analytics(environment_of, "--from", "2026-11-01", "--to", "2026-12-01", "--group-by", "day")
    lines = [line.split() for line in done.out.splitlines()]
    assert done.out.startswith("bookings from 2026-11-01 to 2026-11-30, Asia/Kathmandu, as of 2026-11-20T17:45:00Z\n")
    assert ["auto-cancellation", "%", "100.00"] in lines
    assert ["2026-11-19", "3", "0", "0.00", "100.00", "–", "0.00", "–", "0.00"] in lines
    assert "\033" not in done.out


def test_figures_can_be_narrowed_to_a_category_and_to_a_provider(environment_of: dict[str, str]) -> None:
    two_expire(environment_of["DATABASE_URL"])
    period = ("--from", "2026-11-01", "--to", "2026-12-01", "--json")
    for narrowed, total in ((("--category", "plumbing"), 3), (("--category", "tutoring"), 0), (("--provider", str(UUID(int=0))), 0)):
        assert analytics(environment_of, *period, *narrowed).json["totals"]["total"] == total
