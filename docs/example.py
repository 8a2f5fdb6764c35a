"""Prints a small day at the bazaar as CloudEvents lines for `sewa publish -`: two people, and a booking that nobody acts on."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

now = datetime.now(UTC)
customer, provider, service = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
random_bits = uuid.uuid4().int
booking = str(
    uuid.UUID(int=(time.time_ns() // 1_000_000) << 80 | 7 << 76 | (random_bits >> 64 & 0xFFF) << 64 | 2 << 62 | random_bits & (1 << 62) - 1)
)


def instant(at: datetime) -> str:
    """Return an instant as messages have it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def line(name: str, subject: str, actor: str, data: dict[str, object]) -> None:
    """Print one message."""
    head = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "example", "type": f"sewabazaar.{name}.v1", "subject": subject}
    print(json.dumps({**head, "time": instant(now), "actor": actor, "data": data}))


for key, role, name in ((customer, "customer", "Sita Rai"), (provider, "provider", "Hari Thapa")):
    person = {"id": key, "role": role, "name": name, "email": f"{name.split()[0].lower()}@example.org", "phone": None, "language": "en"}
    line("PersonUpserted", f"person:{key}", "upstream:example", {**person, "timezone": "Asia/Kathmandu", "addresses": [], "active": True})

facts = {
    "customer": customer,
    "provider": provider,
    "service": service,
    "category": "plumbing",
    "booking_date": instant(now - timedelta(days=2)),
}
line("CreateBooking", booking, f"customer:{customer}", {**facts, "duration_minutes": 60, "total_amount": "1500.00"})
