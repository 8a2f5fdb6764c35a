"""What the expiry service says besides commands: a request is about to lapse, or a scan waits for approval."""

from typing import ClassVar

from contracts.values import Contract, Count, Hours, Id, Instant, Version


class LapseReminderDue(Contract):
    """A pending request lapses within `hours_before` hours."""

    topic: ClassVar[str] = "deadline.events.v1"

    expires_at: Instant
    hours_before: Hours
    expected_version: Version


class ScanHeld(Contract):
    """A scan found more due bookings than the breaker lets through, and waits for an admin."""

    topic: ClassVar[str] = "deadline.events.v1"

    scan_id: Id
    found: Count
    limit: Count
    as_of: Instant

    def required_subject(self) -> str:
        """The scan's id."""
        return str(self.scan_id)


DEADLINES: tuple[type[Contract], ...] = (LapseReminderDue, ScanHeld)
