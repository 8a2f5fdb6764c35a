"""What admins ask for is noted and put on its way to the topic in one transaction; it counts once it is heard there."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.actors import Actor
from contracts.deadletters import VALUE_LIMIT
from contracts.ids import new_id
from contracts.message import Message
from contracts.policies import CalendarPublished, GracePolicySet
from services.expiry import published
from services.expiry.drafts import Known, Wish, calendar_draft, draft
from services.expiry.emissions import SOURCE
from services.expiry.errors import NotAcceptable, Problem
from services.expiry.policies import Policies
from services.expiry.published import CALENDAR, AnyPolicy
from services.expiry.tables import SCHEMA
from services.runtime import outbox


async def known(connection: AsyncConnection, defaults: Policies) -> Known:
    """Return every version of everything over the policies of the settings."""
    return Known(defaults, await published.versions(connection))


async def set_policy(connection: AsyncConnection, defaults: Policies, wish: Wish, now: datetime) -> GracePolicySet:
    """Have the next version of a policy published. Raises NotAcceptable, with nothing done."""
    await published.lock_subject(connection, wish.category)
    data = draft(await known(connection, defaults), wish, now)
    await _publish(connection, data, wish.set_by, now)
    return data


async def publish_calendar(
    connection: AsyncConnection, defaults: Policies, document: Mapping[str, object], set_by: str, now: datetime
) -> CalendarPublished:
    """Have a calendar published. Raises NotAcceptable, with nothing done."""
    await published.lock_subject(connection, f"{CALENDAR}{document.get('calendar')}")
    data = calendar_draft(await known(connection, defaults), document, now)
    await _publish(connection, data, set_by, now)
    return data


async def _publish(connection: AsyncConnection, data: AnyPolicy, set_by: str, now: datetime) -> None:
    subject = data.required_subject()
    record = outbox.outgoing(Message(str(new_id()), SOURCE, subject, now, Actor.parse(set_by), data))
    if len(record.value or b"") > VALUE_LIMIT:
        raise NotAcceptable(Problem(subject, f"a message of {len(record.value or b'')} bytes; the limit is {VALUE_LIMIT}"))
    await published.reserve(connection, data)
    await outbox.append(connection, SCHEMA, [record])
