"""What is refused of a calendar before anything is sent, and what an import is made of."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.policies import CalendarPublished
from services.cli.calendar_import import imported
from services.expiry.drafts import Known, calendar_draft
from services.expiry.errors import NotAcceptable
from services.expiry.grace import Policy
from services.expiry.policies import Policies
from services.expiry.published import Version
from services.runtime.errors import Halt

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
KNOWN = Known(Policies(Policy("*", 24)), [])
STRIKE = {"date": "2026-12-01", "name": "Strike"}


def document(**changes: Any) -> dict[str, Any]:
    return {"calendar": "NP", "calendar_version": "np-2026.2", **imported("NP", (2026, 2027), ["sat"]), **changes}


def problems(known: Known = KNOWN, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(NotAcceptable) as refused:
        calendar_draft(known, document(**changes), NOW)
    return [(problem.field, problem.message) for problem in refused.value.problems]


def test_an_imported_calendar_can_be_published_and_takes_effect_in_a_minute() -> None:
    data = calendar_draft(KNOWN, document(), NOW)
    assert isinstance(data, CalendarPublished)
    assert (data.effective_at, data.years, data.weekends[0].days) == (NOW + timedelta(seconds=60), (2026, 2027), ("sat",))
    assert date(2026, 10, 20) in {day.date for day in data.holidays}


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"closures": [STRIKE, STRIKE]}, "closures", "2026-12-01 is there 2 times"),
        ({"closures": [STRIKE], "working_days": [STRIKE]}, "closures", "2026-12-01 is a working day too"),
        ({"closures": [{**STRIKE, "date": "2028-01-01"}]}, "closures", "2028-01-01 is outside of the years 2026 to 2027"),
        ({"weekends": [{"from": "1900-01-01", "days": ["sat"]}] * 2}, "weekends", "2 of them hold from 1900-01-01"),
        ({"calendar_version": "np-2026.1"}, "calendar_version", "np-2026.1 is the one that comes with the service"),
        ({"years": [2027, 2026]}, "years", "years should be the first and the last year"),
        ({"weekend": ["sat"]}, "weekend", "there is no such field"),
    ],
)
def test_what_contradicts_itself_or_goes_back_is_refused_by_field(changes: dict[str, Any], field: str, told: str) -> None:
    assert (field, told) in problems(**changes) or ("data", told) in problems(**changes)


def test_a_version_has_to_be_higher_than_what_was_published() -> None:
    known = Known(KNOWN.defaults, [Version(calendar_draft(KNOWN, document(calendar_version="np-2026.10"), NOW))])
    assert problems(known, calendar_version="np-2026.9") == [("calendar_version", "np-2026.9 is not higher than np-2026.10")]


@pytest.mark.parametrize(
    ("country", "years", "told"),
    [
        ("XX", (2026, 2026), "COUNTRY: Country XX not available"),
        ("DE-QQ", (2026, 2026), "COUNTRY: Entity `DE` does not have subdivision QQ"),
        ("IN", (2030, 2040), "--years: Requested Holidays are available only from 2001 to 2035"),
        ("DE", (2099, 2102), "--years: no holidays of DE are known in 2101, 2102"),
    ],
)
def test_a_country_or_year_that_is_not_known_is_named(country: str, years: tuple[int, int], told: str) -> None:
    with pytest.raises(Halt, match=told):
        imported(country, years, ["sun"])


def test_holidays_of_a_part_of_a_country_are_its_own_and_weekends_those_that_were_named() -> None:
    bavaria, germany = (imported(place, (2026, 2026), ["sun"]) for place in ("DE-BY", "DE"))
    assert {"date": "2026-06-04", "name": "Corpus Christi"} in bavaria["holidays"]
    assert len(bavaria["holidays"]) > len(germany["holidays"]) == 9
    assert bavaria["weekends"] == [{"from": "1900-01-01", "days": ["sun"]}]
