"""Decisions that no type or import rule can hold: what must not be written anywhere, and what every statement must carry."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("booking", "directory", "expiry", "notifier", "payments")
PARTITIONED = re.compile(r"booking\.(?:bookings|log)\b")
LOCKING = re.compile(r"for update|^\s*(?:update|delete from)", re.MULTILINE)


def sources(*folders: str) -> dict[str, str]:
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "versions" not in path.parts]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in files}


def statements(text: str) -> list[str]:
    """The SQL statements in a file: whatever is given to `text(...)`."""
    return [found[1] for found in re.finditer(r'text\(\s*f?"""(.*?)"""', text, re.DOTALL)]


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_touches_the_tables_of_another(service: str) -> None:
    others = "|".join(other for other in SERVICES if other != service)
    found = [
        (path, table)
        for path, text in sources(f"services/{service}").items()
        for statement in statements(text)
        for table in re.findall(rf"\b(?:from|join|into|update)\s+(?:{others})\.\w+", statement)
    ]
    assert found == []


def test_bookings_are_locked_and_changed_within_the_range_of_the_batch() -> None:
    found = [s for text in sources("services/booking").values() for s in statements(text) if PARTITIONED.search(s)]
    hot = [s for s in found if LOCKING.search(s) and "booking.parked" not in s]
    assert len(hot) >= 2
    assert all("between :least and :greatest" in statement for statement in hot)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("transactional_id", "no Kafka transactions: inbox and outbox do it"),
        (r"\bpg_notify\b|\bnotify \w+;|\blisten \w+;", "NOTIFY takes the global commit lock: the relay polls"),
        ("ACK_FIRST|REJECT_ON_ERROR|NACK_ON_ERROR", "acknowledgement is manual, after the commit"),
        (r"\.ack\(\)", "commits every position of the consumer, not that of the batch"),
        (r"auto_offset_reset=\"latest\"", "what was published before a group's first join would never be read"),
        ("publish_batch", "chooses one partition for all keys"),
    ],
)
def test_nobody_writes(word: str, why: str) -> None:
    found = [path for path, text in sources("services", "contracts").items() if re.search(word, text)]
    assert found == [], why
