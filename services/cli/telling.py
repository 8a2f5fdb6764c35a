"""An event of a booking in words, for people."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from contracts.values import parse_instant

WORDS = {
    "BookingCreated": "booking made",
    "BookingSubmitted": "provider asked",
    "BookingAccepted": "accepted",
    "BookingRescheduled": "moved to another time",
    "BookingNotesEdited": "notes changed",
    "BookingCancelled": "cancelled",
    "RebookingSuggested": "other times suggested",
    "ServiceDelivered": "service delivered",
    "ConfirmationRequested": "customer asked to confirm",
    "DeliveryConfirmed": "delivery confirmed",
    "BookingCompleted": "completed",
    "BookingDisputed": "delivery disputed",
    "ReviewAdded": "review written",
    "BookingOverridden": "put right by an admin",
    "PaymentRecorded": "payment noted",
}
SAID_ELSEWHERE = {
    *("cancelled_at", "cancelled_by", "completed_at", "confirmed_by", "currency", "delivered_at", "from", "moved_by", "previous_status"),
    *("payment_event_id", "payment_id", "service", "target"),
}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
MONEY = re.compile(r"\d+\.\d\d")


def in_words(event: str) -> str:
    """Return what happened; an event without words of its own by its name."""
    return WORDS.get(event, event)


def notable(data: Mapping[str, Any], zone: tzinfo) -> Iterator[str]:
    """Yield what an event says that its line does not say already; what is empty is left out, instants are local."""
    for name, value in data.items():
        if name not in SAID_ELSEWHERE and value not in (None, False, "", [], {}):
            yield f"{name.replace('_', ' ')} {_told(value, str(data.get('currency') or ''), zone)}".rstrip()


def _told(value: Any, currency: str, zone: tzinfo) -> str:
    if value is True:
        return ""
    if isinstance(value, list):
        return str(len(value))
    if isinstance(value, dict):
        return _terms(value, zone) if "terms" in value else f"({', '.join(notable(value, zone))})"
    if not isinstance(value, str):
        return str(value)
    if INSTANT.fullmatch(value):
        return local(parse_instant(value), zone)
    return f"{Decimal(value):,.2f} {currency}".rstrip() if MONEY.fullmatch(value) else value


def _terms(evidence: Mapping[str, Any], zone: tzinfo) -> str:
    """Return what a deadline was computed from."""
    sums = (
        f"{term['anchor'].replace('_', ' ')} {local(parse_instant(term['anchor_at']), zone)} + {term['hours']} h"
        for term in evidence["terms"]
    )
    return f"({' or '.join(sums)}, policy {evidence['policy_version']})"


def local(instant: datetime, zone: tzinfo) -> str:
    """Return an instant as a clock on the wall shows it."""
    return f"{instant.astimezone(zone):%a %d %b %Y %H:%M:%S}"
