"""Letters on a real PostgreSQL: one each, whatever is repeated, overtaken, silenced or forgotten."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.directory import PersonErased
from contracts.ids import new_id
from contracts.receipts import NotificationSent, NotificationSuppressed
from services.notifier import store
from services.notifier.ledger import Delivery, Key
from services.notifier.letters import EMAIL, IN_APP
from services.runtime.db import transaction
from services.runtime.outcomes import Burial, Fate, Received
from tests.builders import record
from tests.eventually import aeventually
from tests.integration.notifier_by_hand import HOUR, NOW, Notifier, Story, counted, directory, opened, person


@pytest_asyncio.fixture
async def notifier(database_url: str, tmp_path: Path) -> AsyncIterator[Notifier]:
    async with opened(database_url, tmp_path) as composed:
        yield composed


async def test_each_party_gets_one_letter_on_each_channel(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created(), story.submitted())
    await notifier.delivers()
    await notifier.hears(story.accepted())
    await notifier.delivers()
    templates = ["created-customer", "requested-provider", "accepted-customer", "accepted-provider"]
    assert await notifier.letters() == dict.fromkeys(templates, 1)
    assert sorted(str(m["To"]) for m in notifier.mails()) == ["Hari <hari@example.com>"] * 2 + ["Sita Rai <sita@example.com>"] * 2


async def test_what_enters_the_ledger_settled_is_counted_once_committed(notifier: Notifier) -> None:
    story = Story()
    sent, suppressed = counted("sent"), counted("suppressed")
    worker, history = notifier.worker("notifier.events"), [story.created(), story.submitted(), story.accepted()]
    batch = [reading for reading in map(worker.read, map(record, history)) if isinstance(reading, Received)]
    with suppress(ConnectionResetError):
        async with transaction(notifier.process.engine) as connection:
            await worker.handle(connection, batch, NOW)
            raise ConnectionResetError
    assert (counted("sent"), counted("suppressed")) == (sent, suppressed)
    await notifier.hears(*history)
    assert (counted("sent"), counted("suppressed")) == (sent + 3, suppressed + 1)


async def test_what_somebody_else_has_entered_meanwhile_is_neither_shown_nor_told_again(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_yet(*_: object) -> list[Key]:
        return []

    story = Story()
    history = [story.created(), story.submitted()]
    await notifier.hears(*history)
    letters, receipts, duplicates, sent = await notifier.letters(), await notifier.receipts(), counted("duplicate"), counted("sent")
    await notifier.query("truncate notifier.bookings")
    monkeypatch.setattr(store, "ledgered", none_yet)
    await notifier.hears(*history)
    assert (await notifier.letters(), await notifier.receipts()) == (letters, receipts)
    assert (counted("duplicate"), counted("sent")) == (duplicates + 2, sent)


async def test_redelivery_and_a_group_reset_send_nothing(notifier: Notifier) -> None:
    story = Story()
    history = [story.created(), story.submitted(), story.accepted()]
    await notifier.hears(*story.people())
    await notifier.hears(*history)
    await notifier.delivers()
    letters, receipts, duplicates = await notifier.letters(), await notifier.receipts(), counted("duplicate")
    await notifier.hears(history[1])
    await notifier.hears(*history)
    await notifier.delivers()
    assert (await notifier.letters(), await notifier.receipts(), len(notifier.mails())) == (letters, receipts, 3)
    assert counted("duplicate") == duplicates + 2 + 8


async def test_the_ledger_stays_silent_when_the_projection_is_built_anew(notifier: Notifier) -> None:
    story = Story()
    history = [story.created(), story.submitted()]
    await notifier.hears(*history)
    await notifier.query("truncate notifier.bookings")
    await notifier.hears(*story.people())
    await notifier.hears(*history)
    await notifier.delivers()
    assert await notifier.letters() == {"created-customer": 1, "requested-provider": 1}
    assert notifier.mails() == []


async def test_a_second_run_of_a_batch_at_the_same_time_enters_nothing(notifier: Notifier) -> None:
    story = Story()
    worker, records = notifier.worker("notifier.events"), [record(story.created()), record(story.submitted())]
    batch = [reading for reading in map(worker.read, records) if isinstance(reading, Received)]
    await worker.prepare(batch)
    async with transaction(notifier.process.engine) as first:
        await worker.handle(first, batch, NOW)
        second = asyncio.create_task(worker.apply(records))
        await aeventually(partial(notifier.query, "select 1 from pg_locks where not granted"))
        await notifier.hears(*story.people())
    await second
    assert await notifier.ledger(IN_APP) == [("sent", 1, None)] * 2
    assert await notifier.ledger(EMAIL) == []


async def test_an_event_of_an_unknown_booking_is_buried_and_the_others_go_on(notifier: Notifier) -> None:
    known, unknown = Story(), Story()
    unknown.created()
    worker = notifier.worker("notifier.events")
    readings = [worker.read(record(message)) for message in (unknown.submitted(), known.created())]
    buried, handled = await worker.settle([reading for reading in readings if isinstance(reading, Received)])
    assert isinstance(buried, Burial)
    assert buried.reason == "orphan"
    assert handled is Fate.HANDLED


async def test_somebody_unknown_or_inactive_is_told_in_the_app_only(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(person(story.provider, "Hari", active=False))
    await notifier.hears(story.created(), story.submitted())
    await notifier.hears(*story.people())
    await notifier.delivers()
    assert await notifier.letters() == {"created-customer": 1, "requested-provider": 1}
    assert (await notifier.ledger(EMAIL), notifier.mails()) == ([], [])


async def test_a_stale_request_is_suppressed(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created(), story.submitted(), story.accepted())
    await notifier.delivers()
    assert "requested-provider" not in await notifier.letters()
    suppressed = [r for r in await notifier.receipts() if isinstance(r, NotificationSuppressed)]
    assert {(r.channel, r.template, r.reason) for r in suppressed} == {(c, "requested-provider", "stale") for c in (IN_APP, EMAIL)}


async def test_auto_cancel_letters_go_out_by_default(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(story.created(), story.expired())
    await notifier.delivers()
    assert await notifier.letters() == dict.fromkeys(["created-customer", "expired-customer", "expired-provider"], 1)


async def test_silenced_auto_cancel_letters_stay_silent(notifier: Notifier, database_url: str, tmp_path: Path) -> None:
    story = Story()
    history = [story.created(), story.expired()]
    async with opened(database_url, tmp_path, auto_cancel_notification=False) as silent:
        await silent.hears(*history)
    await notifier.query("truncate notifier.bookings")
    await notifier.hears(*history)
    await notifier.delivers()
    assert await notifier.letters() == {"created-customer": 1}
    silenced = [(type(r), r.reason) for r in await notifier.receipts() if r.template.startswith("expired-")]
    assert silenced == [(NotificationSuppressed, "auto-cancel-notification-off")] * 2


async def test_a_receipt_says_what_became_of_a_letter_and_names_nobody(notifier: Notifier) -> None:
    story = Story()
    created = story.created()
    await notifier.hears(created)
    await notifier.delivers()
    (message,) = await notifier.published()
    assert (message.subject, message.causation_id, message.correlation_id) == (str(story.id), created.id, "request-7")
    assert (message.source, str(message.actor), message.time) == ("sewabazaar/notifier", "system:notifier", NOW)
    assert message.data == NotificationSent(
        event_id=created.id,
        recipient=str(story.customer),
        channel=IN_APP,
        template="created-customer",
        attempt=1,
        outcome_at=NOW,
        booking_version=1,
    )


async def test_a_letter_in_the_app_keeps_the_facts_of_its_moment_and_no_names(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created())
    await notifier.delivers()
    await notifier.hears(story.submitted())
    ((status, kept),) = await notifier.query("select facts->>'status', l::text from notifier.letters l where template like 'created-%'")
    assert status == "created"
    assert str(story.customer) in kept
    assert "Sita" not in kept


async def test_an_erased_person_leaves_nothing_and_does_not_come_back(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created())
    await notifier.hears(directory(story.customer, PersonErased(id=story.customer)))
    await notifier.hears(person(story.customer, "Sita Rai", at=NOW + timedelta(days=1)))
    await notifier.delivers()
    assert notifier.mails() == []
    assert {(r.channel, r.reason) for r in await notifier.receipts()} == {(IN_APP, None), (EMAIL, "no-address")}
    rest = await notifier.query(f"select role, name, email, language, timezone from notifier.people where id = '{story.customer}'")
    assert rest == [(None,) * 5]


async def test_a_tombstone_erases_too(notifier: Notifier) -> None:
    story = Story()
    await notifier.hears(*story.people())
    for key in (f"person:{story.customer}", f"service:{new_id()}", "person:nobody"):
        await notifier.forgets(key)
    assert await notifier.query("select name from notifier.people order by name") == [("Hari",), (None,)]


async def test_the_latest_word_about_a_person_counts_in_whatever_order_it_comes(notifier: Notifier) -> None:
    for batches in ([0], [1], [0]), ([0, 1, 0],):
        id_ = new_id()
        words = [person(id_, "Sita Rai"), person(id_, "Sita Shah", at=NOW + HOUR)]
        for batch in batches:
            await notifier.hears(*(words[number] for number in batch))
        assert await notifier.query(f"select name from notifier.people where id = '{id_}'") == [("Sita Shah",)]


async def claim(notifier: Notifier) -> list[Delivery]:
    async with notifier.process.engine.begin() as connection:
        return await store.claim(connection, EMAIL, 10, lease=60.0)


async def written(notifier: Notifier) -> None:
    """Let an e-mail be due."""
    story = Story()
    await notifier.hears(*story.people())
    await notifier.hears(story.created())


async def test_two_claims_never_take_the_same_letter(notifier: Notifier) -> None:
    await written(notifier)
    engine = notifier.process.engine
    async with engine.begin() as one, engine.begin() as two:
        taken = [await store.claim(connection, EMAIL, 10, lease=60.0) for connection in (one, two)]
    taken.append(await claim(notifier))
    assert [len(deliveries) for deliveries in taken] == [1, 0, 0]


async def test_an_attempt_that_was_overtaken_counts_for_nothing(notifier: Notifier) -> None:
    await written(notifier)
    attempts = []
    for _ in range(2):
        attempts += [await notifier.mail().attempt(delivery, NOW) for delivery in await claim(notifier)]
        await notifier.passes()
    overtaken, latest = attempts
    await notifier.mail().mark([overtaken], NOW)
    assert await notifier.ledger() == [("pending", 2, None)]
    for _ in range(2):
        await notifier.mail().mark([latest], NOW)
    sent = [(type(r), r.attempt) for r in await notifier.receipts() if r.channel == EMAIL]
    assert sent == [(NotificationSent, 2)]
