"""What events say about the facts that a deadline depends on."""

from dataclasses import replace
from datetime import datetime

from contracts.events import BookingCreated, BookingOverridden, BookingRescheduled, Event
from contracts.message import Message
from services.expiry.grace import Facts


def begun(data: BookingCreated, at: datetime) -> Facts:
    """Return the facts of a booking that was made at `at`."""
    return Facts(data.status, data.category, data.booking_date, at)


def after(facts: Facts, event: Message[Event]) -> Facts:
    """Return the facts after `event`; a status or date that a person changes keeps the booking alive."""
    data = event.data
    counts = event.actor.is_person and (data.status != facts.status or isinstance(data, BookingRescheduled))
    return replace(
        facts,
        status=data.status,
        booking_date=data.booking_date if isinstance(data, BookingRescheduled | BookingOverridden) else facts.booking_date,
        last_status_update_at=event.time if counts else facts.last_status_update_at,
    )
