"""What was published of policies and calendars, and what is on its way to the topic: SQL over one small table.

A version that an admin asks for is noted without a `position` until it is heard on the topic; only then does it count.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.policies import CalendarPublished, GracePolicySet
from services.runtime.db import rows_json

AnyPolicy = GracePolicySet | CalendarPublished
Rank = tuple[tuple[int, str], ...]
CALENDAR = "calendar:"
_PIECE = re.compile(r"\d+|\D+")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of what a subject, a category, `*` or `calendar:<name>`, is ruled by; `heard` on the topic or still on its way."""

    data: AnyPolicy
    heard: bool = True

    @property
    def subject(self) -> str:
        """The key of its message."""
        return self.data.required_subject()

    @property
    def rank(self) -> Rank:
        """What it is compared by with others of its subject."""
        return rank(number_of(self.data))


def number_of(data: AnyPolicy) -> str:
    """Return the version that a message names, as text."""
    return data.calendar_version if isinstance(data, CalendarPublished) else str(data.policy_version)


def rank(version: str) -> Rank:
    """Return what versions are compared by: numbers within them count as numbers, so that np-2026.10 is higher than np-2026.9."""
    return tuple((int(piece), "") if piece.isdecimal() else (-1, piece) for piece in _PIECE.findall(version))


@dataclass(frozen=True, slots=True)
class Revision:
    """What changes with everything that is published or comes into force; `as_of` is the instant of the latest redating."""

    heard: int = 0
    position: int = 0
    as_of: datetime | None = None


async def revision(connection: AsyncConnection) -> Revision:
    """Return the revision of what is published."""
    row = (
        await connection.execute(
            text("""
            select count(position) as heard, coalesce(max(position), 0) as position, (select max(as_of) from expiry.redatings) as as_of
            from expiry.policies""")
        )
    ).one()
    return Revision(**row._mapping)


async def heard(connection: AsyncConnection) -> list[AnyPolicy]:
    """Return everything that was heard on the topic, of each subject the lowest version first."""
    return [version.data for version in await versions(connection) if version.heard]


async def versions(connection: AsyncConnection, subject: str | None = None) -> list[Version]:
    """Return every version, or those of one subject, of each subject the lowest first."""
    rows = await connection.execute(
        text("""
            select subject, data::text, position is not null as heard from expiry.policies
            where cast(:subject as text) is null or subject = :subject"""),
        {"subject": subject},
    )
    found = [Version(_read(row.subject, row.data), row.heard) for row in rows]
    return sorted(found, key=lambda version: (version.subject, version.rank))


async def hear(connection: AsyncConnection, new: Iterable[AnyPolicy]) -> None:
    """Note what the topic says, in its order: it has the last word on what was only asked for."""
    rows = [{**_row(data), "n": n} for n, data in enumerate(new)]
    if rows:
        await connection.execute(
            text("""
                insert into expiry.policies as p (subject, version, effective_at, data, position)
                select subject, version, effective_at, data, nextval('expiry.positions') from (
                    select * from json_to_recordset(:rows) as r (n int, subject text, version text, effective_at timestamptz, data jsonb)
                    order by n) as told
                on conflict (subject, version) do update
                set effective_at = excluded.effective_at, data = excluded.data, position = excluded.position where p.position is null"""),
            {"rows": rows_json(rows)},
        )


async def reserve(connection: AsyncConnection, data: AnyPolicy) -> None:
    """Note a version that is asked for, so that nobody else asks for the same one."""
    await connection.execute(
        text("""
            insert into expiry.policies (subject, version, effective_at, data)
            select subject, version, effective_at, data from json_populate_record(null::expiry.policies, :row)"""),
        {"row": rows_json([_row(data)])[1:-1]},
    )


async def lock_subject(connection: AsyncConnection, subject: str) -> None:
    """Let nobody else ask for a version of `subject` until the transaction ends."""
    await connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"expiry:policy:{subject}"})


def _row(data: AnyPolicy) -> dict[str, object]:
    return {
        "subject": data.required_subject(),
        "version": number_of(data),
        "effective_at": data.effective_at,
        "data": data.model_dump(mode="json"),
    }


def _read(subject: str, data: str) -> AnyPolicy:
    contract = CalendarPublished if subject.startswith(CALENDAR) else GracePolicySet
    return contract.model_validate_json(data)
