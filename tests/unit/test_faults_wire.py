"""What the proxies understand of the protocols that pass."""

import struct

import pytest

from tests.faults.wire import Kafka, Postgres, named

INBOX = b"\n insert into booking.inbox (consumer) select 1"
FORGET = b"delete from booking.outbox where position = any($1)"
READY = b"C\0\0\0\x0bCOMMIT\0Z\0\0\0\x05I"


def sent(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">i", len(body) + 4) + body


def prepared(name: bytes, statement: bytes) -> bytes:
    return sent(b"P", name + b"\0" + statement + b"\0\0\0")


def bound(name: bytes) -> bytes:
    return sent(b"B", b"\0" + name + b"\0\0\0\0\0\0\0") + sent(b"S", b"")


def connected(name: bytes = b"sewa-booking-1-lock") -> Postgres:
    ear = Postgres()
    ear.hears(sent(b"", b"\0\3\0\0user\0booking\0application_name\0" + name + b"\0\0"))
    return ear


def request(key: int, body: bytes, client: bytes = b"sewa-payments-0") -> bytes:
    head = struct.pack(">hhih", key, 1, 7, len(client)) + client
    return struct.pack(">i", len(head + body)) + head + body


def test_a_service_is_known_by_what_its_connections_are_called() -> None:
    ear = Kafka()
    ear.hears(request(3, b""))
    assert (connected().speaker, ear.speaker, connected(b"psql").speaker) == (("booking", 1), ("payments", 0), None)
    assert (named("sewa-notifier-12"), named("aiokafka-0.14")) == (("notifier", 12), None)


def test_a_commit_is_a_point_only_after_something_was_written() -> None:
    ear = connected()
    assert ear.hears(sent(b"Q", b"COMMIT;\0")) == ear.hears_answer(READY) == set()
    assert ear.hears(prepared(b"s1", INBOX) + bound(b"s1")) == set()
    assert ear.hears_answer(READY) == {"after-inbox-insert"}
    assert ear.hears(sent(b"Q", b"COMMIT;\0")) == {"before-commit"}
    assert ear.hears_answer(READY) == {"after-commit"}
    assert ear.hears_answer(READY) == set()


@pytest.mark.parametrize(("service", "points"), [(b"booking", set()), (b"expiry", {"before-commit"})])
def test_where_messages_are_claimed_only_such_a_commit_is_a_point(service: bytes, points: set[str]) -> None:
    ear = connected(b"sewa-" + service + b"-0")
    ear.hears(prepared(b"s1", b"insert into booking.figure_totals select 1") + bound(b"s1"))
    assert ear.hears(sent(b"Q", b"COMMIT;\0")) == points


def test_a_rolled_back_transaction_is_forgotten() -> None:
    ear = connected()
    ear.hears(prepared(b"s1", INBOX) + bound(b"s1") + sent(b"Q", b"ROLLBACK;\0"))
    assert ear.hears(sent(b"Q", b"COMMIT;\0")) == set()


def test_reading_for_update_is_not_writing() -> None:
    ear = connected()
    ear.hears(prepared(b"s1", b"select id from booking.bookings for update skip locked") + bound(b"s1"))
    assert ear.hears(sent(b"Q", b"COMMIT;\0")) == set()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_messages_may_come_in_any_pieces(size: int) -> None:
    ear, stream = connected(), prepared(b"s2", FORGET) + bound(b"s2")
    heard = [ear.hears(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert set().union(*heard) == {"after-publish-before-delete"}


@pytest.mark.parametrize(
    ("key", "body", "point"),
    [(0, b"booking.events.v1", "before-publish"), (0, b"dead-letters.v1", "before-dead-letter"), (8, b"", "before-offsets")],
)
def test_requests_to_kafka_are_told_apart(key: int, body: bytes, point: str) -> None:
    stream = request(key, body) + request(12, b"")
    assert Kafka().hears(stream) == {point}
