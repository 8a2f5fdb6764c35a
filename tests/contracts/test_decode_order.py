"""Every reason for a dead letter by itself, and of two reasons in one record the earlier one."""

from dataclasses import replace
from itertools import combinations

import pytest

from contracts.deadletters import HEADERS_LIMIT, REASONS
from contracts.wire import Unreadable
from tests.contracts import examples
from tests.contracts.examples import Change, Record

GOOD = examples.record(examples.message(examples.BY_NAME["CreateBooking"]))
STRANGER = b"6f9619ff-8b86-4011-b42d-00cf4fc964ff"


def header(name: str, value: bytes) -> Change:
    return lambda record: record.with_header(name, value)


def appended(tail: bytes) -> Change:
    return lambda record: record.with_value((record.value or b"") + tail)


def in_type(old: bytes, new: bytes) -> Change:
    return lambda record: record.with_header("ce_type", (dict(record.headers)["ce_type"] or b"").replace(old, new))


def renamed(record: Record) -> Record:
    return replace(record.with_header("ce_subject", STRANGER), key=STRANGER)


# In the order of the checks; a later defect is put into the record before an earlier one, so that both stay in it.
DEFECTS: list[tuple[str, Change]] = [
    ("too-large", header("x-big", b"x" * HEADERS_LIMIT)),
    ("null-value", lambda record: record.with_value(None)),
    ("missing-key", lambda record: replace(record, key=None)),
    ("schema", lambda record: record.without_header("ce_time")),
    ("key-mismatch", lambda record: replace(record, key=examples.BOOKING[:-1].encode() + b"2")),
    ("unknown-type", in_type(b"CreateBooking", b"InventBooking")),
    ("unknown-version", in_type(b".v1", b".v2")),
    ("actor-not-allowed", header("ce_actor", b"system:expiry")),
    ("bad-id", renamed),
    ("bad-encoding", appended(b"\0")),
    ("too-deep", appended(b"[" * 65)),
    ("bad-json", appended(b"!")),
    ("schema", lambda record: record.with_value(b"{}")),
]
DECIDED_ELSEWHERE = {"equivocation", "orphan", "poison"}


def reason_of(record: Record) -> str:
    with pytest.raises(Unreadable) as caught:
        record.decoded()
    assert caught.value.error
    assert str(caught.value) == f"{caught.value.reason}: {caught.value.error}"
    return caught.value.reason


def test_the_record_without_a_defect_is_read() -> None:
    GOOD.decoded()


def test_every_reason_is_tried_or_decided_elsewhere() -> None:
    assert {reason for reason, _ in DEFECTS} | DECIDED_ELSEWHERE == set(REASONS)
    assert len(REASONS) == 15


@pytest.mark.parametrize(("reason", "defect"), DEFECTS, ids=lambda value: value if isinstance(value, str) else "")
def test_one_defect_gives_its_reason(reason: str, defect: Change) -> None:
    assert reason_of(defect(GOOD)) == reason


@pytest.mark.parametrize(
    ("first", "second"),
    [pytest.param(a, b, id=f"{a[0]} before {b[0]}") for a, b in combinations(DEFECTS, 2)],
)
def test_the_earlier_of_two_defects_is_the_reason(first: tuple[str, Change], second: tuple[str, Change]) -> None:
    assert reason_of(first[1](second[1](GOOD))) == first[0]
