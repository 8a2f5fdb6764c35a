"""Suggestions on a real PostgreSQL: one answer for each cause, whatever is repeated, and nothing left of who was erased."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest_asyncio

from contracts.directory import PersonErased, ProviderLeaveRemoved
from contracts.ids import new_id
from contracts.message import Message
from contracts.values import Contract
from services.directory import handlers
from services.runtime.outcomes import Burial, Fate
from tests.builders import received
from tests.eventually import aeventually
from tests.integration.directory_by_hand import HOUR, NOW, VISIT, Directory, Story, leave, opened, person, said, service, week

DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def directory(database_url: str) -> AsyncIterator[Directory]:
    async with opened(database_url) as composed:
        yield composed


async def offered(directory: Directory) -> list[tuple[str, object]]:
    """What the only command so far suggests."""
    (command,) = await directory.sent()
    return [(s.kind, s.booking_date) for s in command.data.suggestions]


async def test_a_decline_is_answered_with_the_providers_next_slots_and_others_at_the_same_time(directory: Directory) -> None:
    story, other = Story(), new_id()
    await directory.hears(person(story.provider), person(other), service(other, price="900.00"))
    await directory.hears(*story.asked())
    declined = story.cancelled("declined")
    await directory.hears(declined)
    (command,) = await directory.sent()
    assert (command.subject, command.causation_id, command.correlation_id) == (str(story.id), declined.id, "request")
    assert await offered(directory) == [("same_provider", NOW + n * HOUR) for n in (0, 1, 2)] + [("other_provider", VISIT)]
    assert [s.rank for s in command.data.suggestions] == [1, 2, 3, 4]


async def test_a_providers_cancel_frees_a_slot_that_is_not_offered_to_its_customer_again(directory: Directory) -> None:
    story, rival = Story(starts=NOW + HOUR), Story(starts=NOW + 2 * HOUR)
    rival.provider = story.provider
    await directory.hears(*story.asked(), story.accepted(), *rival.asked(), rival.accepted())
    await directory.hears(story.cancelled("provider", "confirmed"))
    assert await offered(directory) == [("same_provider", NOW), ("same_provider", NOW + 3 * HOUR), ("same_provider", NOW + 4 * HOUR)]


async def test_only_a_request_that_expired_unanswered_is_answered(directory: Directory) -> None:
    unanswered, forgotten, regretted = (Story(starts=NOW - DAY) for _ in range(3))
    await directory.hears(*unanswered.asked(), unanswered.cancelled("expired"))
    await directory.hears(*forgotten.asked(), forgotten.accepted(), forgotten.cancelled("expired", "confirmed"))
    await directory.hears(*regretted.asked(), regretted.cancelled("customer"))
    (command,) = await directory.sent()
    assert command.subject == str(unanswered.id)


async def test_a_leave_is_answered_for_what_is_pending_or_confirmed_on_its_days(directory: Directory) -> None:
    provider = new_id()
    hit, asked, before, after, over = (Story(provider, starts=VISIT + n * HOUR) for n in (-9, 4, -10, 15, 0))
    await directory.hears(*(event for s in (hit, asked, before, after) for event in s.asked()), hit.accepted(), *over.rated(5)[:4])
    await directory.hears(leave(provider, new_id(), "2026-11-16", "2026-11-17"))
    commands = {command.subject: command.data.suggestions for command in await directory.sent()}
    assert commands.keys() == {str(hit.id), str(asked.id)}
    assert [s.booking_date for s in commands[str(hit.id)]] == [NOW, NOW + HOUR, NOW + 2 * HOUR]


async def test_a_leave_counts_in_the_providers_own_zone(directory: Directory) -> None:
    story = Story(starts=VISIT)  # still the 15th in New York
    await directory.hears(week(story.provider, "America/New_York", mon=(("09:00", "10:00"),)))
    await directory.hears(*story.asked())
    await directory.hears(leave(story.provider, new_id(), "2026-11-16", "2026-11-17"))
    assert await directory.sent() == []
    await directory.hears(leave(story.provider, new_id(), "2026-11-15", "2026-11-23"))
    assert await offered(directory) == [("same_provider", NOW + timedelta(days=8, hours=10, minutes=45))]


async def test_the_same_leave_again_is_not_answered_again_and_a_longer_one_is(directory: Directory) -> None:
    story, id_ = Story(), new_id()
    await directory.hears(*story.asked())
    for _ in range(2):
        await directory.hears(leave(story.provider, id_, "2026-11-16", "2026-11-17"))
    await directory.hears(leave(story.provider, id_, "2026-11-16", "2026-11-17", reason="family"))
    assert len(await directory.sent()) == 1
    await directory.hears(leave(story.provider, id_, "2026-11-16", "2026-11-18"))
    assert len({command.id for command in await directory.sent()}) == 2


async def test_leave_is_no_time_until_it_is_removed(directory: Directory) -> None:
    provider, id_ = new_id(), new_id()
    away = leave(provider, id_, "2026-11-15", "2026-12-15")
    for said_of_it, slots in (([away], []), ([said(ProviderLeaveRemoved(id=id_, provider=provider), NOW + HOUR), away], [3])):
        await directory.hears(*said_of_it)
        declined = Story(provider)
        await directory.hears(*declined.asked(), declined.cancelled("declined"))
        assert [len(command.data.suggestions) for command in await directory.sent()] == slots


async def test_redelivery_and_a_group_reset_answer_nothing_again(directory: Directory) -> None:
    story, id_ = Story(), new_id()
    history = [*story.asked(), story.accepted()]
    away, lost = leave(story.provider, id_, "2026-11-16", "2026-11-17"), story.cancelled("provider", "confirmed")
    await directory.hears(*history)
    await directory.hears(away)
    await directory.hears(lost)
    before = await directory.sent()
    assert [fate is Fate.DUPLICATE for fate in await directory.hears(lost)] == [True]
    await directory.hears(*history, lost)
    await directory.hears(away)
    assert (await directory.sent(), len(before)) == (before, 2)


async def test_what_was_answered_is_remembered_when_bookings_are_read_anew_and_other_things_are_known(directory: Directory) -> None:
    story = Story()
    history = [*story.asked(), story.cancelled("declined")]
    await directory.hears(*history)
    before = await directory.sent()
    await directory.query("truncate directory.bookings, directory.slots, directory.figures")
    await directory.hears(service(new_id()), week(story.provider, sun=(("12:00", "18:00"),)))
    assert await directory.hears(*history) == [Fate.HANDLED] * 3
    assert await directory.sent() == before


async def test_what_found_nothing_is_answered_too(directory: Directory) -> None:
    story = Story()
    await directory.hears(week(story.provider))
    await directory.hears(*story.asked(), story.cancelled("declined"))
    assert await directory.sent() == []
    assert await directory.query("select count(*) from directory.answers") == [(1,)]


async def test_a_second_run_of_a_batch_at_the_same_time_counts_and_answers_nothing(directory: Directory) -> None:
    story = Story()
    batch = [received(event) for event in (*story.asked(), story.cancelled("declined"))]
    await directory.hears(*Story().asked())  # makes the partitions
    async with directory.engine.begin() as first:
        await handlers.follow_bookings(first, batch, NOW)
        second = asyncio.create_task(directory.settle(handlers.follow_bookings, batch))
        await aeventually(partial(directory.query, "select 1 from pg_locks where not granted"))
    assert await second == [Fate.DUPLICATE] * 3
    assert len(await directory.sent()) == 1
    assert await directory.query(f"select cancelled from directory.figures where provider = '{story.provider}'") == [(1,)]


async def test_ratings_and_completions_decide_who_comes_first_and_one_counts_for_a_booking(directory: Directory) -> None:
    story, fair, good = Story(), new_id(), new_id()
    await directory.hears(service(fair, price="1.00"), service(good))
    reviewed = Story(fair)
    await directory.hears(*reviewed.rated(5), *Story(good).rated(4))
    await directory.hears(reviewed.reviewed(3))
    await directory.hears(*story.asked(), story.cancelled("declined"))
    (command,) = await directory.sent()
    assert [(s.provider, s.rating) for s in command.data.suggestions if s.kind == "other_provider"] == [(good, 4.0), (fair, 3.0)]
    assert await directory.query(f"select * from directory.figures where provider = '{fair}'") == [(fair, 1, 0, 1, 3)]


async def test_time_is_busy_from_accept_until_the_booking_is_over(directory: Directory) -> None:
    story, taken = Story(), Story(starts=NOW)
    taken.provider = story.provider
    happy_end = taken.rated(5)
    for events, first in ((happy_end[:2], NOW), (happy_end[2:4], NOW + HOUR), (happy_end[4:], NOW)):
        await directory.hears(*events)
        lost = Story(story.provider)
        await directory.hears(*lost.asked(), lost.cancelled("declined"))
        assert (await directory.sent())[-1].data.suggestions[0].booking_date == first


async def test_an_event_of_an_unknown_booking_or_version_is_buried_and_the_others_go_on(directory: Directory) -> None:
    known, unknown = Story(), Story()
    created, submitted = known.asked()
    unknown.asked()
    *buried, handled = await directory.hears(unknown.accepted(), replace(created, aggregate_version=None), created)
    assert [fate.reason for fate in buried if isinstance(fate, Burial)] == ["orphan", "schema"]
    assert [handled, *await directory.hears(submitted)] == [Fate.HANDLED] * 2


async def everything(directory: Directory) -> str:
    """All that the projections say, as text."""
    tables = ("people", "services", "hours", "leave")
    return str([await directory.query(f"select t::text from directory.{table} t") for table in tables])


async def test_an_erased_provider_leaves_nothing_is_not_offered_and_does_not_come_back(directory: Directory) -> None:
    story = Story()
    words: list[Message[Contract]] = [person(story.provider), leave(story.provider, new_id(), "2026-12-01", "2026-12-02", "surgery")]
    await directory.hears(*words, week(story.provider, "Europe/Berlin", sat=(("09:00", "10:00"),)))
    await directory.hears(said(PersonErased(id=story.provider)))
    await directory.forgets(f"person:{story.provider}")
    await directory.hears(person(story.provider, at=NOW + DAY), words[1], week(story.provider, "Europe/Berlin"))
    left = await everything(directory)
    assert not any(word in left for word in ("Hari", "hari@", "98000", "surgery", "Berlin"))
    await directory.hears(*story.asked(), story.cancelled("declined"))
    assert await directory.sent() == []


async def test_tombstones_take_services_hours_and_leave_away(directory: Directory) -> None:
    provider, id_ = new_id(), new_id()
    offer = service(provider)
    await directory.hears(offer, week(provider), leave(provider, id_, "2026-11-16", "2026-11-17"))
    await directory.forgets(offer.subject, f"hours:{provider}", f"leave:{id_}", f"address:{id_}", "person:nobody")
    assert await everything(directory) == "[[], [], [], []]"


async def test_the_latest_word_counts_in_whatever_order_it_comes(directory: Directory) -> None:
    provider, id_ = new_id(), new_id()
    words = [service(provider, id=id_, name="Old"), service(provider, id=id_, name="New", at=NOW + HOUR)]
    for batch in ([0], [1], [0], [0, 1, 0]):
        await directory.hears(*(words[number] for number in batch))
    assert await directory.query("select name from directory.services") == [("New",)]
