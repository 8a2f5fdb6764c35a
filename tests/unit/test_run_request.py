"""What `sewa expiry run` makes of its options."""

import pytest

from services.cli.runs import asked_for
from services.runtime.errors import Halt

WHY = "stuck for weeks"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"force": True}, "a reason is needed for `force` and for mode `maintenance`"),
        ({"mode": "maintenance"}, "a reason is needed for `force` and for mode `maintenance`"),
        ({"mode": "maintenance", "reason": "stuck"}, "reason: String should have at least 10 characters"),
        ({"reason": "x" * 501}, "reason: String should have at most 500 characters"),
        ({"as_of": "2026-01-02 06:00"}, "as_of: Input should be an RFC 3339 date-time such as 2026-10-17T04:15:00Z"),
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 10_001}, "limit: Input should be less than or equal to 10000"),
        ({"category": "Tea & more", "limit": 0}, "limit: Input should be greater than or equal to 1; category: String should match"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(Halt) as halt:
        asked_for(**options)
    assert str(halt.value).startswith(complaint)


def test_the_largest_run_with_the_shortest_reason_is_one() -> None:
    assert asked_for(mode="maintenance", reason=WHY[:10], limit=10_000, as_of=None).limit == 10_000
