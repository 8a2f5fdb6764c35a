"""What became of a notification. A recipient is a person's id, never an address: receipts hold no personal data."""

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from contracts.values import Contract, Count, Instant, Reference, Slug, Text500, Version

Recipient = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,200}$")]


class Receipt(Contract):
    """One attempt under the send key (event id, recipient, channel, template)."""

    topic: ClassVar[str] = "notification.receipts.v1"

    event_id: Reference
    recipient: Recipient
    channel: Slug
    template: Slug
    attempt: Count
    reason: Text500 | None = None
    outcome_at: Instant
    booking_version: Version | None = None


class NotificationSent(Receipt):
    """The channel took the message."""


class NotificationFailed(Receipt):
    """The channel did not take the message, and no retry is left."""


class NotificationSuppressed(Receipt):
    """The message was not sent on purpose, for the reason given."""


RECEIPTS: tuple[type[Receipt], ...] = (NotificationSent, NotificationFailed, NotificationSuppressed)
