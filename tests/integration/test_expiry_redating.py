"""Open bookings follow the policies: a pass in SQL says exactly what the rule says, and nothing is missed meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from contracts.events import Status
from contracts.ids import new_id
from contracts.policies import CalendarPublished
from services.cli.figures import figures
from services.expiry import published, redatings, store
from services.expiry.current import Current
from services.expiry.drafts import Wish
from services.expiry.errors import NotAcceptable
from services.expiry.grace import Facts, Policy
from services.expiry.office import is_heard, publish_calendar, set_policy
from services.expiry.policies import Policies
from services.expiry.published import AnyPolicy
from services.expiry.redating import Redating
from services.expiry.redatings import Pass
from services.expiry.store import Entry
from services.expiry.tables import PARTITIONED, SCHEMA
from services.runtime.db import open_engine
from services.runtime.outcomes import Fate
from services.runtime.partitions import Partitions
from tests.integration.expiry_history import ADMIN, BOOKED_FOR, DAY, HOUR, NOW, TICK, Expiry, expired, policy, requested

CATEGORIES = ("plumbing", "cleaning", "tutoring", "painting")
STATUSES: tuple[Status, ...] = ("pending", "confirmed", "created", "cancelled")


@pytest.fixture
async def expiry(database_url: str) -> AsyncIterator[Expiry]:
    engine = open_engine(database_url, pool_size=4, name="test")
    yield Expiry(engine)
    await engine.dispose()


async def latest(expiry: Expiry) -> Pass:
    async with expiry.engine.connect() as connection:
        found = await redatings.latest(connection)
    assert found is not None
    return found


async def number_of_passes(expiry: Expiry) -> int:
    async with expiry.engine.connect() as connection:
        return int(await connection.scalar(text("select count(*) from expiry.redatings")) or 0)


async def all_entries(expiry: Expiry) -> list[Entry]:
    async with expiry.engine.connect() as connection:
        ids = list(await connection.scalars(text("select booking from expiry.deadlines")))
        return list((await store.read(connection, ids)).values())


async def test_changed_settings_date_open_bookings_anew(expiry: Expiry) -> None:
    still_open, closed = new_id(), new_id()
    await expiry.hears(*requested(still_open), *requested(closed), expired(closed, 3, BOOKED_FOR + DAY))
    expiry.policies = Policies(Policy("*", 2))
    await expiry.redate(NOW)
    entry = await expiry.entry(still_open)
    assert (entry.expires_at, entry.version) == (BOOKED_FOR + 2 * HOUR, 2)
    assert (await expiry.entry(closed)).expires_at is None
    assert ((await latest(expiry)).total, (await latest(expiry)).changed) == (1, 1)


async def test_a_pass_takes_batch_after_batch_and_another_process_goes_on_with_it(expiry: Expiry) -> None:
    bookings = [new_id() for _ in range(5)]
    await expiry.hears(*(e for n, booking in enumerate(bookings) for e in requested(booking, BOOKED_FOR + n * HOUR)))
    expiry.policies = Policies(Policy("*", 2))
    async with expiry.engine.begin() as connection:
        first = Redating(expiry.current, batch=2)
        assert [await first.run_once(connection, NOW) for _ in range(2)] == [True, True]
    assert ((await latest(expiry)).seen, (await latest(expiry)).total) == (2, 5)
    assert (await figures(expiry.engine.url.render_as_string(hide_password=False), NOW)).redating == (2, 5)
    assert await expiry.redate(NOW, Redating(expiry.current, batch=2)) == [True, True, False]
    assert [(await expiry.entry(booking)).expires_at for booking in bookings] == [BOOKED_FOR + (n + 2) * HOUR for n in range(5)]
    assert await number_of_passes(expiry) == 1


async def test_what_an_older_process_still_indexes_is_dated_anew_within_a_minute(expiry: Expiry) -> None:
    booking, seconds = new_id(), [0.0]
    newer = Redating(Current(Policies(Policy("*", 2))), steady=lambda: seconds[0])
    await expiry.redate(NOW, newer)
    await expiry.redate(NOW, newer)
    await expiry.hears(*requested(booking))
    for seconds[0], grace in ((59.9, 24), (60.0, 2)):
        await expiry.redate(NOW, newer)
        assert (await expiry.entry(booking)).expires_at == BOOKED_FOR + grace * HOUR


def some_policy(chance: Random, category: str, version: int) -> AnyPolicy:
    """Any hours, a few reminders, live or at creation, days off or not; in force by NOW or not."""
    hours = chance.choice([0.5, 2, 23.999999, 24, 100 / 3, 48, 8760])
    quiet = chance.choice([None, None, 1.1, 36])
    fields: dict[str, Any] = {
        "grace_hours": hours,
        "quiet_hours": quiet,
        "adjust": chance.choice(["none", "none", "none", "roll_forward", "pause"]),
        "pin": chance.choice(["live", "live", "at_creation"]),
        "reminders": tuple(chance.sample([48.0, 24.0, 2.0, 1 / 3, 0.1], chance.randint(0, 3))),
    }
    return policy(version, category, NOW + chance.randint(-200, 40) * HOUR, **fields)


def some_entry(chance: Random) -> Entry:
    """A booking of any state, made within ten days."""
    created = NOW - chance.choice([chance.randint(0, 200) * HOUR, timedelta(seconds=chance.uniform(0, 864_000))])
    touched = None if chance.random() < 0.5 else created + timedelta(seconds=chance.randint(0, 300_000))
    booked = created + timedelta(seconds=chance.randint(-86_400, 864_000))
    facts = Facts(chance.choice(STATUSES), chance.choice(CATEGORIES), booked, created, touched)
    return Entry(new_id(), 2, facts, reminded_until=chance.choice([None, created, NOW]))


async def index(expiry: Expiry, entries: list[Entry]) -> None:
    await Partitions(expiry.engine, SCHEMA, PARTITIONED).ensure_for(entry.booking for entry in entries)
    async with expiry.engine.begin() as connection:
        await store.save(connection, entries)


@pytest.mark.parametrize("seed", range(12))
async def test_a_pass_says_exactly_what_the_rule_says(expiry: Expiry, seed: int) -> None:
    chance = Random(seed)
    expiry.policies = Policies(Policy("*", 24, reminders=(24, 2)), {"painting": Policy("painting", 1, 5)})
    before = [some_entry(chance).dated(expiry.policies, NOW - DAY) for _ in range(150)]
    await index(expiry, before)
    for version in range(1, 5):
        await expiry.learns(*(some_policy(chance, c, version) for c in chance.sample(["*", *CATEGORIES[:3]], 2)))
    await expiry.redate(NOW, Redating(expiry.current, batch=40))
    async with expiry.engine.connect() as connection:
        policies = await expiry.current.read(connection)
    anew = {e.booking: e.dated_anew(policies, NOW) if e.facts.is_open else e for e in before}
    assert {entry.booking: entry for entry in await all_entries(expiry)} == anew
    assert (await latest(expiry)).changed == sum(anew[e.booking].dated_by != e.dated_by for e in before if e.facts.is_open)


async def test_a_version_counts_from_its_instant_on_and_dates_in_one_pass(expiry: Expiry) -> None:
    booking, later = new_id(), NOW + HOUR
    await expiry.hears(*requested(booking))
    await expiry.redate(NOW)
    assert await expiry.learns(policy(1, effective_at=later, grace_hours=48)) == [Fate.HANDLED]
    await expiry.redate(later - TICK)
    assert ((await expiry.entry(booking)).expires_at, await number_of_passes(expiry)) == (BOOKED_FOR + DAY, 1)
    await expiry.redate(later)
    assert ((await expiry.entry(booking)).expires_at, await number_of_passes(expiry)) == (BOOKED_FOR + 2 * DAY, 2)
    await expiry.redate(later + DAY)
    assert await number_of_passes(expiry) == 2


async def test_a_policy_at_creation_dates_nothing_that_is_open(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.hears(*requested(booking))
    before = await expiry.entry(booking)
    await expiry.learns(policy(1, grace_hours=2, pin="at_creation"))
    await expiry.redate(NOW)
    assert (await expiry.entry(booking), (await latest(expiry)).total) == (before, 0)


def calendar(version: str) -> CalendarPublished:
    """A calendar of Nepal without a day off."""
    return CalendarPublished.model_validate_json(
        json.dumps(
            {
                "calendar": "NP",
                "calendar_version": version,
                "effective_at": "2026-01-01T00:00:00Z",
                "years": [2026, 2026],
                "weekends": [],
                "holidays": [],
                "working_days": [],
                "closures": [],
            }
        )
    )


async def test_only_a_higher_version_counts(expiry: Expiry) -> None:
    fates = [await expiry.learns(policy(v, grace_hours=v)) for v in (2, 2, 1, 10, 3)]
    assert fates == [[Fate.HANDLED], [Fate.UNCHANGED], [Fate.UNCHANGED], [Fate.HANDLED], [Fate.UNCHANGED]]
    assert await expiry.learns(policy(4, "plumbing"), policy(4, "plumbing"), policy(5, "plumbing")) == [
        Fate.HANDLED,
        Fate.UNCHANGED,
        Fate.HANDLED,
    ]


async def test_a_calendar_that_is_called_like_the_version_that_comes_with_the_service_changes_nothing(expiry: Expiry) -> None:
    (shipped,) = expiry.policies.calendars["NP"]
    assert [await expiry.learns(calendar(version)) for version in (shipped.version, "np-2026.2")] == [[Fate.UNCHANGED], [Fate.HANDLED]]


async def test_what_is_too_large_for_a_message_is_refused_and_its_version_stays_free(expiry: Expiry) -> None:
    holidays = [{"date": f"2026-{month:02}-{day:02}", "name": "x" * 200} for month in range(1, 13) for day in range(1, 29)]
    document = json.loads(calendar("np-2026.2").model_dump_json(by_alias=True))
    async with expiry.engine.begin() as connection:
        with pytest.raises(NotAcceptable, match=r"calendar:NP: a message of \d+ bytes; the limit is 65536"):
            await publish_calendar(connection, expiry.policies, {**document, "holidays": holidays}, str(ADMIN), NOW)
        assert (await publish_calendar(connection, expiry.policies, document, str(ADMIN), NOW)).calendar_version == "np-2026.2"


async def test_the_topic_has_the_last_word_on_what_was_asked_for_and_the_first_to_be_heard_counts(expiry: Expiry) -> None:
    wish = Wish("plumbing", {"grace_hours": 3}, str(ADMIN), effective_at=NOW)
    async with expiry.engine.begin() as connection:
        asked = await set_policy(connection, expiry.policies, wish, NOW)
        assert not await is_heard(connection, asked)
    first, late = (policy(1, "plumbing", grace_hours=hours) for hours in (4, 5))
    assert await expiry.learns(first) == [Fate.HANDLED]
    async with expiry.engine.begin() as connection:
        await published.hear(connection, [late])
        assert await published.heard(connection) == [first]


async def test_two_who_ask_at_once_get_a_version_each(expiry: Expiry) -> None:
    async def ask(hours: float) -> int:
        async with expiry.engine.begin() as connection:
            return (await set_policy(connection, expiry.policies, Wish("*", {"grace_hours": hours}, str(ADMIN)), NOW)).policy_version

    assert sorted(await asyncio.gather(*(ask(hours) for hours in (1, 2, 3)))) == [1, 2, 3]


async def test_a_pass_waits_for_those_who_date_by_what_was_before_and_misses_none(expiry: Expiry) -> None:
    booking, shorter = new_id(), policy(1, grace_hours=2)
    await expiry.hears(*requested(new_id()))
    async with expiry.engine.begin() as connection:
        dating = await expiry.current.dating(connection, NOW)
        await expiry.learns(shorter)
        passing = asyncio.create_task(expiry.redate(NOW))
        entry = Entry(booking, 2, Facts("pending", "plumbing", BOOKED_FOR, NOW)).dated(*dating)
        await store.save(connection, [entry])
        done, _ = await asyncio.wait({passing}, timeout=0.3)
        assert not done
    await passing
    assert (await expiry.entry(booking)).expires_at == BOOKED_FOR + 2 * HOUR


async def test_who_dates_after_a_pass_began_dates_as_of_it_though_its_clock_is_behind(expiry: Expiry) -> None:
    booking = new_id()
    await expiry.learns(policy(1, grace_hours=2, effective_at=NOW + TICK))
    await expiry.redate(NOW + TICK)
    await expiry.hears(*requested(booking))
    assert (await expiry.entry(booking)).expires_at == BOOKED_FOR + 2 * HOUR


async def test_dates_of_a_pass_go_by_the_newest_policies_when_others_come_meanwhile(expiry: Expiry) -> None:
    bookings = [new_id() for _ in range(5)]
    await expiry.hears(*(e for booking in bookings for e in requested(booking)))
    await expiry.learns(policy(1, grace_hours=2))
    async with expiry.engine.begin() as connection:
        redating = Redating(expiry.current, batch=2)
        assert [await redating.run_once(connection, NOW) for _ in range(2)] == [True, True]
    await expiry.learns(policy(2, grace_hours=72))
    await expiry.redate(NOW, redating)
    assert {(await expiry.entry(booking)).expires_at for booking in bookings} == {BOOKED_FOR + 72 * HOUR}


async def test_a_scan_during_a_pass_goes_by_the_rule_and_never_by_a_date_of_yesterday(expiry: Expiry) -> None:
    bookings = [UUID(f"01972e00-0000-7000-8000-{n:012}") for n in range(6)]
    await expiry.hears(*(e for booking in bookings for e in requested(booking)))
    now: datetime = BOOKED_FOR + DAY
    await expiry.learns(policy(1, grace_hours=48, effective_at=now))
    async with expiry.engine.begin() as connection:
        redating = Redating(expiry.current, batch=2)
        assert [await redating.run_once(connection, now) for _ in range(2)] == [True, True]
    assert await expiry.scan(expiry.sweep(), now) == []
    await expiry.redate(now, redating)
    assert await expiry.scan(expiry.sweep(), now + DAY) == bookings


async def test_a_command_is_valid_until_another_rule_takes_effect_at_most(expiry: Expiry) -> None:
    first, second = new_id(), new_id()
    await expiry.hears(*requested(first), *requested(second, category="tutoring"))
    await expiry.learns(policy(1, "plumbing", grace_hours=48, effective_at=NOW + 20 * TICK))
    await expiry.scan(expiry.sweep())
    assert [c.data.valid_until - NOW for c in expiry.sent] == [20 * TICK, timedelta(seconds=60)]
