"""Dead letters: the original bytes, with where they stood and why nobody could act on them."""

import hashlib
from collections.abc import Sequence

from contracts.deadletters import VALUE_LIMIT
from contracts.ids import derived_id
from contracts.topics import DEAD_LETTERS
from contracts.values import instant_text
from services.runtime.clock import host_now
from services.runtime.outbox import Outgoing
from services.runtime.outcomes import Burial, Record

KEPT_OF_TOO_LARGE = 1024
MAX_ERROR = 1000


def dead_letter(record: Record, burial: Burial, group: str) -> Outgoing:
    """Return the dead letter of `record`: its id is the same for every try to bury it from `group`."""
    value, extra = record.value, []
    if value is not None and len(value) > VALUE_LIMIT:
        extra = [("x-dlq-sha256", hashlib.sha256(value).hexdigest()), ("x-dlq-size", str(len(value)))]
        value = value[:KEPT_OF_TOO_LARGE]
    origin = _origin(record, burial, group)
    return Outgoing(0, DEAD_LETTERS.name, record.key, [*record.headers, *((n, v.encode()) for n, v in (*origin, *extra))], value)


def _origin(record: Record, burial: Burial, group: str) -> Sequence[tuple[str, str]]:
    place = (group, record.topic, str(record.partition), str(record.offset))
    return (
        ("x-dlq-reason", burial.reason),
        ("x-dlq-error", burial.error[:MAX_ERROR].encode("utf-8", "replace").decode()),
        ("x-dlq-attempts", str(burial.attempts)),
        ("x-dlq-id", str(derived_id(*place))),
        ("x-dlq-at", instant_text(host_now())),
        ("x-src-topic", record.topic),
        ("x-src-partition", str(record.partition)),
        ("x-src-offset", str(record.offset)),
        ("x-src-timestamp", str(record.timestamp)),
        ("x-consumer-group", group),
    )
