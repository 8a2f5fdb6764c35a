"""What `sewa analytics` makes of dates, before it asks the database."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from services.booking.reports import Period
from services.cli import analytics

Invoke = Callable[..., Any]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Call the verb where no database answers."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://booking@127.0.0.1:1/booking")
    monkeypatch.setattr(analytics, "reach", lambda _: None)
    return lambda *arguments: CliRunner().invoke(analytics.app, arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--from", "2026-11-31"], "2026-11-31"),
        (
            ["--from", "2026-11-20", "--to", "2026-11-20"],
            "sewa: the period should end after 2026-11-20, when it begins, and not on 2026-11-20",
        ),
        (
            ["--from", "2026-11-21", "--to", "2026-11-20"],
            "sewa: the period should end after 2026-11-21, when it begins, and not on 2026-11-20",
        ),
        (["--from", "2025-11-01", "--to", "2026-11-03"], "sewa: the period should have 366 days at most, and not 367"),
        (["--from", "0001-01-01", "--to", "0001-01-02"], "sewa: the period should lie between the years 1900 and 8999"),
        (["--group-by", "colour"], "colour"),
    ],
)
def test_what_is_no_period_is_said_and_is_exit_code_2(arguments: list[str], complaint: str, invoke: Invoke) -> None:
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("first", "last", "zone", "days"),
    [
        (None, None, "Asia/Kathmandu", (date(2026, 10, 22), date(2026, 11, 21))),
        (None, None, "Asia/Tokyo", (date(2026, 10, 23), date(2026, 11, 22))),
        (datetime(2026, 11, 1), None, "Asia/Kathmandu", (date(2026, 11, 1), date(2026, 11, 21))),
        (None, datetime(2026, 11, 1), "Asia/Kathmandu", (date(2026, 10, 2), date(2026, 11, 1))),
    ],
)
def test_dates_that_are_not_given_make_it_the_last_thirty_days(
    first: datetime | None, last: datetime | None, zone: str, days: tuple[date, date]
) -> None:
    now = datetime(2026, 11, 20, 17, 45, tzinfo=UTC)
    assert analytics.period_of(first, last, None, zone, now) == Period(*days, zone)
