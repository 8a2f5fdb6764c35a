"""The figures that batches leave behind equal a count by hand, whoever folds, whoever exports, and whatever fails in between."""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from prometheus_client import Metric
from sqlalchemy import text

from contracts.actors import Actor
from contracts.events import Event
from contracts.message import Message
from contracts.values import Contract
from services.booking import exporter, figures_store, handlers
from services.booking.analytics import GroupBy, Period
from services.booking.analytics_store import analytics
from services.booking.reports import rates
from services.booking.store import EVENT_TYPES, SOURCE, lock_bookings
from services.runtime.db import Lock, open_direct_engine, transaction
from services.runtime.exhibit import Exhibit, exported
from tests.builders import HOUR, NOW, START, TICK, accept, bookings, cancel, create, expire, received
from tests.integration.booking_service import Service, opened
from tests.integration.figures_by_hand import LOG, NEPAL, Samples, by_hand, samples_by_hand, told
from tests.integration.random_bookings import live

GROUPINGS: tuple[GroupBy | None, ...] = (None, "category", "provider", "day", "month")
ELSEWHERE = {"parked_commands", "replay_active"}
LONG = (date(2026, 10, 1), date(2027, 2, 1))


@pytest.fixture
async def service(database_url: str) -> AsyncIterator[Service]:
    async with opened(database_url) as service:
        yield service


async def shown(service: Service, first: date, last: date, group_by: GroupBy | None = None) -> dict[str, Any]:
    async with service.engine.connect() as connection:
        return await analytics(connection, Period(first, last, "Asia/Kathmandu", group_by), service.clock.now())


def samples(families: Iterable[Metric]) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if family.name not in ELSEWHERE
    }


async def read(service: Service) -> Samples:
    async with service.engine.connect() as connection:
        return samples(await exporter.series(connection, service.clock.now(), NEPAL))


async def counted(service: Service) -> Any:
    today = service.clock.now().astimezone(NEPAL).date()
    return pytest.approx(samples_by_hand(told(await service.rows(LOG)), today))


@pytest.mark.parametrize("seed", [1, 2])
async def test_analytics_equal_a_count_by_hand_on_random_histories(seed: int, service: Service) -> None:
    await live(service, seed)
    bookings = told(await service.rows(LOG))
    for first, last in [LONG, (date(2026, 11, 3), date(2026, 11, 27)), (date(2026, 11, 20), date(2026, 11, 21))]:
        for group_by in GROUPINGS:
            expected = by_hand(bookings, first, last, service.clock.now(), group_by)
            assert await shown(service, first, last, group_by) == expected


async def test_an_answer_is_owed_within_a_day_unless_the_customer_withdraws(service: Service) -> None:
    lapsed, prompt, late, withdrawn, given_up, waiting = asked = bookings(6)
    await service.settle(*(create(booking, booking_date=START + n * 2 * HOUR) for n, booking in enumerate(asked)))
    await service.settle(expire(lapsed))
    assert await rate_24h(service) == "0.00"
    service.clock.instant += 24 * HOUR
    await service.settle(accept(prompt), cancel(withdrawn))
    assert await rate_24h(service) == "50.00"
    service.clock.instant += TICK
    await service.settle(accept(late), cancel(given_up))
    assert (await service.status(waiting), await rate_24h(service)) == (("pending", 2), "20.00")


async def rate_24h(service: Service) -> Any:
    return (await shown(service, *LONG))["totals"]["provider_response"]["response_rate_24h"]


async def test_the_series_equal_a_count_by_hand_while_they_are_folded(service: Service) -> None:
    for seed in (3, 4):
        await live(service, seed)
        assert await read(service) == await counted(service)
        before = await service.value("select count(*) from booking.figure_deltas")
        assert not await service.run_once(lambda connection, _: figures_store.fold(connection))
        assert before > await service.value("select count(*) from booking.figure_deltas") == 0
        assert await read(service) == await counted(service)


async def test_rates_of_status_and_analytics_are_those_of_the_series(service: Service) -> None:
    await live(service, 5)
    totals = (await shown(service, *LONG))["totals"]
    async with service.engine.connect() as connection:
        assert await rates(connection) == (totals["completion_rate"], totals["auto_cancellation_rate"])
    ratio = (await read(service))["booking_auto_cancel_ratio", ("all",)]
    assert f"{100 * ratio:.2f}" == totals["auto_cancellation_rate"]


async def test_what_is_read_again_adds_nothing(service: Service) -> None:
    (booking,) = bookings(1)
    batch = [create(booking), accept(booking), cancel(booking)]
    await service.settle(*batch)
    before = await read(service), await service.rows("select * from booking.figure_deltas order by position")
    assert await service.settle(*batch, *batch) == ["duplicate"] * 6
    await service.eye.execute("delete from booking.inbox")
    assert await service.settle(*batch) == ["duplicate"] * 3
    assert (await read(service), await service.rows("select * from booking.figure_deltas order by position")) == before


async def test_figures_counted_anew_from_the_log_are_the_same(service: Service) -> None:
    lives = await live(service, 9)
    before = await read(service), await shown(service, *LONG, "provider")
    events = [told_again(*row) for row in await service.rows(LOG.replace("split_part(type, '.', 2)", "type"))]
    async with service.engine.begin() as connection:
        stand = await lock_bookings(connection, (life.id for life in lives))
        await connection.execute(text("truncate booking.figure_deltas, booking.requests, booking.settlements"))
        await figures_store.record(connection, {}, stand, events, NEPAL)
    assert (await read(service), await shown(service, *LONG, "provider")) == before


def told_again(booking: UUID, version: int, kind: str, payload: str, actor: str, at: datetime) -> Message[Event]:
    data = cast(Event, EVENT_TYPES[kind].model_validate_json(payload))
    return Message("", SOURCE, str(booking), at, Actor.parse(actor), data, aggregate_version=version)


async def test_a_batch_that_dies_before_its_commit_leaves_no_figures(service: Service) -> None:
    (booking,) = bookings(1)
    batch: list[Message[Contract]] = [create(booking), accept(booking), cancel(booking)]
    await service.prepare([received(message) for message in batch])
    with suppress(ConnectionResetError):
        async with transaction(service.engine) as connection:
            await handlers.settle(connection, [received(message) for message in batch], NOW)
            assert await connection.scalar(text("select count(*) from booking.figure_deltas")) > 0
            raise ConnectionResetError
    assert await read(service) == await counted(service)
    assert await service.settle(*batch) == ["handled"] * 3
    assert await read(service) == await counted(service)


async def test_a_fold_that_dies_loses_and_doubles_nothing(service: Service) -> None:
    await live(service, 6)
    before = await read(service)
    async with service.engine.connect() as connection:
        await figures_store.fold(connection)
        await connection.rollback()
    assert await read(service) == before
    assert await service.value("select count(*) from booking.figure_totals") == 0


async def test_one_process_exports_and_the_next_leader_says_the_same(service: Service, database_url: str) -> None:
    await live(service, 7)
    engines = [open_direct_engine(database_url, name=name) for name in ("one", "two")]
    locks, exhibits = [Lock(engine, "business") for engine in engines], [Exhibit(), Exhibit()]
    one, two = (exported(lock, exhibit, "business", exporter.reading(NEPAL)) for lock, exhibit in zip(locks, exhibits, strict=True))
    await one(service.clock.now())
    await two(service.clock.now())
    assert samples(exhibits[0].collect()) == await counted(service)
    assert not samples(exhibits[1].collect())
    await locks[0].release()
    await two(service.clock.now())
    await one(service.clock.now())
    assert not samples(exhibits[0].collect())
    assert samples(exhibits[1].collect()) == await counted(service)
    await locks[1].release()


async def test_a_leader_that_cannot_read_shows_nothing(service: Service, database_url: str) -> None:
    lock, exhibit = Lock(open_direct_engine(database_url, name="one"), "business"), Exhibit()
    step = exported(lock, exhibit, "business", exporter.reading(NEPAL))
    await step(NOW)
    assert samples(exhibit.collect())
    await service.eye.execute("alter table booking.figure_totals rename to gone")
    with pytest.raises(Exception, match="figure_totals"):
        await step(NOW)
    assert not samples(exhibit.collect())
