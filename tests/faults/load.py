"""A seeded load of CloudEvents lines, as an upstream service writes them, and the ledger of what was meant. Standard library only."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4


@dataclass
class Ledger:
    """What was sent: command ids by booking, and when each booking lapses that nobody acts on.

    `unreadable` has why each record by its mark is to end in dead letters, `sent` and `kept` the marks of all records that Kafka was to
    have and said to have, `people` the addresses of those whom the directory knows.
    """

    commands: dict[str, list[str]] = field(default_factory=dict)
    lapsing: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    sent: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    people: dict[str, str] = field(default_factory=dict)


def booking_id(chance: random.Random) -> str:
    """Return a UUIDv7 of now."""
    milliseconds = time.time_ns() // 1_000_000
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62)))


def instant(at: datetime) -> str:
    """Return an instant as the wire has it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def line(name: str, subject: str, actor: str, data: dict[str, object]) -> dict[str, object]:
    """Return one message in CloudEvents JSON format."""
    kind = f"sewabazaar.{name}.v1"
    head = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "shop",
        "type": kind,
        "subject": subject,
        "time": instant(datetime.now(UTC)),
    }
    return {**head, "actor": actor, "data": data}


def person(role: str) -> dict[str, object]:
    """Return a person that the directory knows."""
    key = str(uuid4())
    data = {"id": key, "role": role, "name": f"{role} {key[:4]}", "email": f"{key[:8]}@example.org", "phone": None, "language": "en"}
    return line("PersonUpserted", f"person:{key}", "upstream:shop", {**data, "timezone": "Asia/Kathmandu", "addresses": [], "active": True})


FATES = ("accept", "decline", "cancel", "lapse", "lapse")


def creation(key: str, customer: str, provider: str, starts: datetime) -> dict[str, object]:
    """Return the command that makes a booking."""
    facts = {"customer": customer, "provider": provider, "service": str(uuid4()), "category": "plumbing", "booking_date": instant(starts)}
    return line("CreateBooking", key, f"customer:{customer}", {**facts, "duration_minutes": 60, "total_amount": "1500.00"})


def story(
    ledger: Ledger, chance: random.Random, customer: str, provider: str, lapses: int = -2, fates: tuple[str, ...] = FATES
) -> Iterator[dict[str, object]]:
    """Yield one booking's commands: what becomes of it is one of `fates`; those nobody acts on are for the day in `lapses` days."""
    key, now = booking_id(chance), datetime.now(UTC)
    fate = chance.choice(fates)
    starts = now + {
        "lapse": timedelta(days=lapses),
        "done": -timedelta(minutes=chance.randrange(60, 1200)),
    }.get(fate, timedelta(minutes=chance.randrange(10_000, 500_000)))
    lines = [creation(key, customer, provider, starts)]
    match fate:
        case "accept":
            lines.append(line("AcceptBooking", key, f"provider:{provider}", {}))
        case "done":
            lines.append(line("AcceptBooking", key, f"provider:{provider}", {}))
            lines.append(line("DeliverService", key, f"provider:{provider}", {"photos": []}))
            lines.append(line("ConfirmDelivery", key, f"customer:{customer}", {"rating": chance.randrange(1, 6)}))
        case "decline":
            lines.append(line("DeclineBooking", key, f"provider:{provider}", {"reason": "fully booked"}))
        case "cancel":
            lines.append(line("CancelBooking", key, f"customer:{customer}", {"reason": "changed my mind"}))
    if fate == "lapse":
        ledger.lapsing[key] = instant(starts + timedelta(hours=24))
    ledger.commands[key] = [str(one["id"]) for one in lines]
    yield from lines


def write(lines: list[dict[str, object]]) -> str:
    """Return the lines as a file's text."""
    return "".join(json.dumps(one) + "\n" for one in lines)
