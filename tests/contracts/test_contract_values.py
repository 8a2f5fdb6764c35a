"""Ids, instants, money, zones and hashes by themselves."""

import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from threading import Thread
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from contracts.actors import Actor
from contracts.commands import CreateBooking, RescheduleBooking
from contracts.ids import booking_instant, derived_id, new_id, parse_booking_id
from contracts.message import canonical_json, payload_hash
from contracts.policies import GracePolicySet
from contracts.topics import TOPIC, TOPICS
from contracts.values import instant_text, parse_instant
from tests.contracts import examples

NOW = examples.HOST_NOW


def id_at(instant: datetime) -> str:
    milliseconds = int(instant.timestamp() * 1000)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62))


def test_new_ids_rise_while_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: frozen)
    made = [new_id() for _ in range(1000)]
    assert made == sorted(set(made))


def test_new_ids_are_booking_ids_of_now() -> None:
    moment, before = timedelta(milliseconds=1), datetime.now(UTC)
    made = new_id()
    assert parse_booking_id(str(made), datetime.now(UTC)) == made
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before - moment <= booking_instant(made) <= datetime.now(UTC) + moment


def test_new_ids_rise_and_never_repeat_across_threads() -> None:
    made: list[list[UUID]] = [[], [], [], []]
    threads = [Thread(target=lambda ids=ids: ids.extend(new_id() for _ in range(5000))) for ids in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == sorted(ids) for ids in made)
    assert len({identifier for ids in made for identifier in ids}) == 20000


@pytest.mark.parametrize("instant", [datetime(2000, 1, 1, tzinfo=UTC), datetime(2014, 5, 1, tzinfo=UTC), NOW + timedelta(days=1)])
def test_a_booking_id_may_be_from_2000_to_tomorrow(instant: datetime) -> None:
    assert booking_instant(parse_booking_id(id_at(instant), NOW)) == instant


@pytest.mark.parametrize("instant", [datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), NOW + timedelta(days=1, milliseconds=1)])
def test_a_booking_id_of_another_time_is_refused(instant: datetime) -> None:
    with pytest.raises(ValueError, match="time part"):
        parse_booking_id(id_at(instant), NOW)


def test_derived_ids_depend_on_every_part_and_on_nothing_else() -> None:
    assert derived_id("a", "b") == derived_id("a", "b") == UUID("fb035a92-01e4-5aa5-bd33-18d3306a8693")
    assert len({derived_id(*parts) for parts in [("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"), ()]}) == 5


@given(st.datetimes(datetime(1900, 1, 1), datetime(8999, 12, 31), timezones=st.just(UTC)))
def test_an_instant_is_read_as_it_is_written(instant: datetime) -> None:
    assert instant_text(instant).endswith("Z")
    assert parse_instant(instant_text(instant)) == instant


def test_an_instant_is_written_in_utc_and_without_an_empty_fraction() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert instant_text(datetime(2026, 11, 3, 10, 0, tzinfo=kathmandu)) == "2026-11-03T04:15:00Z"
    assert instant_text(datetime(2026, 11, 3, 4, 15, 0, 120000, tzinfo=UTC)) == "2026-11-03T04:15:00.120000Z"
    moved = RescheduleBooking(booking_date=datetime(2026, 11, 3, 10, 0, tzinfo=kathmandu))
    assert moved.model_dump_json() == ('{"expected_version":null,"booking_date":"2026-11-03T04:15:00Z","duration_minutes":null}')


def test_a_naive_instant_is_refused_in_python_too() -> None:
    with pytest.raises(ValidationError, match="timezone info"):
        RescheduleBooking(booking_date=datetime(2026, 11, 3, 10, 0))


@pytest.mark.parametrize(("amount", "text"), [("0", "0.00"), ("1500.5", "1500.50"), ("99999999.99", "99999999.99")])
def test_money_is_written_with_two_decimals(amount: str, text: str) -> None:
    booking = CreateBooking(**examples.FACTS | {"total_amount": Decimal(amount)})
    assert f'"total_amount":"{text}"' in booking.model_dump_json()


@pytest.mark.parametrize("amount", ["0.001", "-0.01", "100000000", "NaN", "Infinity", "1e30"])
def test_money_that_has_no_two_decimals_is_refused(amount: str) -> None:
    with pytest.raises(ValidationError, match="two decimals"):
        CreateBooking(**examples.FACTS | {"total_amount": Decimal(amount)})


def test_the_old_name_of_the_zone_is_normalised() -> None:
    example = dict(examples.BY_NAME["GracePolicySet"])
    assert GracePolicySet(**example | {"timezone": "Asia/Katmandu"}).timezone == "Asia/Kathmandu"


def test_contracts_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        examples.PHOTO.bytes = 1  # type: ignore[misc]


def test_canonical_json_knows_neither_order_nor_spaces() -> None:
    assert canonical_json({"b": [1, "ñ"], "a": None}) == '{"a":null,"b":[1,"ñ"]}'.encode()
    assert canonical_json({"a": None, "b": [1, "ñ"]}) == canonical_json({"b": [1, "ñ"], "a": None})
    photo = canonical_json([examples.PHOTO])
    assert photo.startswith(b'[{"bytes":52341,"content_type":"image/jpeg"')
    with pytest.raises(TypeError, match="no canonical JSON"):
        canonical_json(object())


def test_the_payload_hash_depends_on_type_subject_actor_and_data() -> None:
    actor = Actor.system("expiry")
    none: dict[str, int] = {}
    first = [("t", "s", actor, none), ("u", "s", actor, none), ("t", "u", actor, none), ("t", "s", examples.ADMIN, none)]
    hashes = {payload_hash(*parts) for parts in [*first, ("t", "s", actor, {"a": 1})]}
    assert len(hashes) == 5
    assert payload_hash("t", "s", actor, {}) == payload_hash("t", "s", "system:expiry", {})
    assert payload_hash("t", "s", actor, {}).hex() == "0b598216f4fa158af4bbc886722df0473db0e85fe17ab8797a6cefc55716da26"


def test_the_nine_topics_are_kept_as_they_should_be() -> None:
    days = {t.name: t.retention.days for t in TOPICS if t.retention is not None}
    assert len(TOPICS) == len(TOPIC) == 9
    assert days == {
        "booking.commands.v1": 7,
        "booking.rejections.v1": 30,
        "deadline.events.v1": 30,
        "dead-letters.v1": 90,
    }
    assert [t.name for t in TOPICS if t.compacted] == ["directory.events.v1"]
    assert all(contract.topic == t.name for t in TOPICS for contract in t.carries)
