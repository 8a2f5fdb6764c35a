"""What time alone brings about: a pre-payment that nobody authorises lapses, a delivery that nobody answers counts as confirmed.

Both are commands of this service to itself, decided like any other. Their ids follow from booking and version, so that
several processes that see the same booking bring about one effect.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, tzinfo

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.commands import ConfirmDelivery
from contracts.ids import derived_id
from contracts.message import Message, payload_hash, type_of
from services.booking import handlers, store
from services.booking.handlers import NEPAL
from services.booking.lifecycle import SYSTEM, BookingCommand
from services.booking.office import PATIENCE_FOR_PREPAYMENT, LapsePrepayment
from services.booking.store import SOURCE, Seen
from services.runtime.outcomes import Fate

AT_ONCE = 500
Scan = Callable[[AsyncConnection, datetime, int], Awaitable[Sequence[Seen]]]


async def lapse_prepayments(connection: AsyncConnection, now: datetime, zone: tzinfo = NEPAL) -> bool:
    """Cancel what has waited for its authorisation too long; True when there may be more."""
    seen = await store.unpaid(connection, now - PATIENCE_FOR_PREPAYMENT, AT_ONCE)
    return await _settle(connection, [(each, LapsePrepayment(expected_version=each.version)) for each in seen], now, zone)


async def confirm_unanswered(connection: AsyncConnection, now: datetime, zone: tzinfo = NEPAL) -> bool:
    """Confirm the deliveries whose customers were to answer by now; True when there may be more."""
    seen = await store.unanswered(connection, now, AT_ONCE)
    return await _settle(connection, [(each, ConfirmDelivery(expected_version=each.version)) for each in seen], now, zone)


async def _settle(connection: AsyncConnection, due: Sequence[tuple[Seen, BookingCommand]], now: datetime, zone: tzinfo) -> bool:
    if not due:
        return False
    outcomes = await handlers.settle_own(connection, [_command(seen, data, now) for seen, data in due], now, zone)
    return len(due) == AT_ONCE and Fate.HANDLED in outcomes


def _command(seen: Seen, data: BookingCommand, now: datetime) -> Message[BookingCommand]:
    subject = str(seen.booking)
    return Message(
        id=str(derived_id(type(data).__name__, subject, str(seen.version))),
        source=SOURCE,
        subject=subject,
        time=now,
        actor=SYSTEM,
        data=data,
        payload_hash=payload_hash(type_of(type(data)), subject, SYSTEM, data),
    )
