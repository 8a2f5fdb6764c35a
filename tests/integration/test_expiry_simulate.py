"""A simulation says exactly what the scan does once its candidate is in force, and changes nothing itself."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from contracts.policies import CalendarPublished
from services.expiry.drafts import Wish
from services.expiry.grace import Policy
from services.expiry.office import Candidate, Simulation, known, set_policy, simulate
from services.expiry.policies import Policies
from services.expiry.store import Entry
from services.runtime.db import open_engine
from tests.integration.expiry_history import ADMIN, BOOKED_FOR, DAY, HOUR, NOW, Expiry, requested
from tests.integration.test_expiry_redating import CATEGORIES, all_entries, index, some_entry, some_policy

CLOSED = {"date": "2026-11-20", "name": "Strike"}
CALENDAR: dict[str, Any] = {
    "calendar": "NP",
    "calendar_version": "np-2026.2",
    "years": [2026, 2027],
    "weekends": [{"from": "2026-01-01", "days": ["sat"]}],
    "holidays": [],
    "working_days": [],
    "closures": [CLOSED],
}


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=4, name="test")
    yield Expiry(engine, Policies(Policy("*", 24, reminders=(24, 2)), {"painting": Policy("painting", 1, 5)}))
    await engine.dispose()


async def predict(expiry: Expiry, candidate: Candidate, as_of: datetime) -> Simulation:
    async with expiry.engine.connect() as connection:
        return await simulate(connection, expiry.policies, candidate, as_of)


async def apply(expiry: Expiry, candidate: Candidate, as_of: datetime) -> None:
    """Have the candidate published from `as_of` on, and hear it."""
    if candidate.policy is not None:
        wish = Wish(candidate.category or "*", candidate.policy, str(ADMIN), effective_at=as_of)
        async with expiry.engine.begin() as connection:
            data = await set_policy(connection, expiry.policies, wish, NOW)
        await expiry.learns(data)
    if candidate.calendar is not None:
        await expiry.learns(CalendarPublished.model_validate_json(_json({**candidate.calendar, "effective_at": as_of})))


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, default=lambda instant: instant.isoformat().replace("+00:00", "Z"))


def some_candidate(chance: Random) -> Candidate:
    category = chance.choice([None, "*", *CATEGORIES])
    policy = some_policy(chance, category or "*", 1).model_dump(mode="json")
    named = chance.sample(["grace_hours", "quiet_hours", "adjust", "reminders"], chance.randint(1, 4))
    calendar = CALENDAR if chance.random() < 0.3 else None
    return Candidate(category, {name: policy[name] for name in named} | {"pin": "live"}, calendar)


def ids(simulation: Simulation, group: str) -> list[UUID]:
    return [UUID(change["booking"]) for change in simulation.groups[group].as_json()["results"]]


def worth(entry: Entry, amount: int) -> Entry:
    return replace(entry, total_amount=Decimal(amount), currency="NPR")


@pytest.mark.parametrize("seed", range(15))
async def test_applying_a_candidate_gives_exactly_the_prediction(expiry: Expiry, seed: int) -> None:
    chance = Random(seed)
    before = [worth(some_entry(chance), n).dated(expiry.policies, NOW) for n in range(120)]
    await index(expiry, before)
    await expiry.learns(*(some_policy(chance, category, 1) for category in chance.sample(["*", *CATEGORIES], 2)))
    await expiry.redate(NOW)
    candidate, as_of = some_candidate(chance), NOW + chance.choice([timedelta(0), HOUR, 2 * DAY])
    said, untouched = await predict(expiry, candidate, as_of), await all_entries(expiry)
    assert await all_entries(expiry) == untouched
    await apply(expiry, candidate, as_of)
    await expiry.redate(as_of)
    others = {e.booking for e in before if candidate.category not in {None, "*", e.facts.category}}
    assert [booking for booking in await expiry.scan(expiry.sweep(), as_of) if booking not in others] == ids(said, "candidate")
    now = {entry.booking: entry.expires_at for entry in await all_entries(expiry)}
    for change in [c for group in said.groups.values() for c in group.first]:
        assert now[change.booking] == change.would_be


async def test_every_booking_whose_fate_or_deadline_differs_is_in_one_group_with_its_money(expiry: Expiry) -> None:
    lapsed, soon, later = (UUID(f"01972e00-0000-7000-8000-{n:012}") for n in range(3))
    for booking, booked_for in ((lapsed, BOOKED_FOR), (soon, NOW - 3 * HOUR), (later, NOW + DAY)):
        await expiry.hears(*requested(booking, booked_for))
    shorter, longer = [await predict(expiry, Candidate("plumbing", {"grace_hours": hours}), NOW) for hours in (2, 48)]
    assert [ids(shorter, group) for group in shorter.groups] == [[lapsed], [lapsed, soon], [soon], [], [lapsed, later]]
    assert [ids(longer, group) for group in longer.groups] == [[lapsed], [], [], [lapsed], [soon, later]]
    assert shorter.as_json()["newly_cancelled"] == {
        "count": 1,
        "total_amount": "1500.00",
        "results": [{"booking": str(soon), "from": "2026-11-21T03:00:00Z", "to": "2026-11-20T05:00:00Z", "total_amount": "1500.00"}],
        "truncated": False,
    }
    assert (await predict(expiry, Candidate("tutoring", {"grace_hours": 2}), NOW)).candidate.count == 0


async def test_a_calendar_can_be_tried_by_itself(expiry: Expiry) -> None:
    await expiry.hears(*requested(booking := UUID("01972e00-0000-7000-8000-000000000001")))
    await expiry.learns(some := (await drafted(expiry, "roll_forward")))
    said = await predict(expiry, Candidate(calendar=CALENDAR), some.effective_at)
    assert ids(said, "spared") == [booking]


async def test_a_policy_can_be_tried_with_the_new_calendar_that_it_names(expiry: Expiry) -> None:
    await expiry.hears(*requested(booking := UUID("01972e00-0000-7000-8000-000000000001")))
    candidate = Candidate(None, {"adjust": "roll_forward", "calendar": "XX"}, {**CALENDAR, "calendar": "XX"})
    said = await predict(expiry, candidate, (await expiry.entry(booking)).expires_at or NOW)
    assert ids(said, "spared") == [booking]


async def drafted(expiry: Expiry, adjust: str) -> Any:
    async with expiry.engine.begin() as connection:
        assert (await known(connection, expiry.policies)).versions == []
        return await set_policy(connection, expiry.policies, Wish("*", {"adjust": adjust}, str(ADMIN), effective_at=NOW), NOW)
