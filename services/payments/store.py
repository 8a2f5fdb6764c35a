"""All SQL of the payments service. Statements that lock or write rows do so in the order of their keys."""

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.payments.account import Account, Capture, Refund
from services.payments.policy import Policy
from services.payments.tables import SCHEMA
from services.runtime import outbox
from services.runtime.db import rows_json
from services.runtime.outbox import Outgoing

ACCOUNT = tuple(field.name for field in fields(Account))
POLICY = ", ".join(field.name for field in fields(Policy))
CHANGES = ", ".join(f"{name} = excluded.{name}" for name in ACCOUNT if name != "booking")


async def lock_accounts(connection: AsyncConnection, bookings: Iterable[UUID]) -> dict[UUID, Account]:
    """Lock and return the accounts that exist, by booking."""
    ids = sorted(set(bookings))
    rows = await connection.execute(
        text(f"""
            select {", ".join(ACCOUNT)} from payments.accounts
            where booking = any(cast(:ids as uuid[])) and booking between :least and :greatest order by booking for update"""),
        {"ids": ids, "least": ids[0], "greatest": ids[-1]},
    )
    return {row.booking: _account(row) for row in rows}


async def save_accounts(connection: AsyncConnection, accounts: Iterable[Account]) -> set[UUID]:
    """Write accounts and return their bookings, but for those that another process has brought as far meanwhile."""
    rows = list(accounts)
    if not rows:
        return set()
    saved = await connection.execute(
        text(f"""
            insert into payments.accounts as a ({", ".join(ACCOUNT)})
            select {", ".join(ACCOUNT)} from json_populate_recordset(null::payments.accounts, :rows) order by booking
            on conflict (booking) do update set {CHANGES} where a.version < excluded.version returning a.booking"""),
        {"rows": rows_json(rows)},
    )
    return {row.booking for row in saved}


async def load_policies(connection: AsyncConnection) -> list[Policy]:
    """Return every policy that was ever set."""
    return [Policy(**row._mapping) for row in await connection.execute(text(f"select {POLICY} from payments.policies"))]


async def newest_versions(connection: AsyncConnection) -> dict[str, int]:
    """Return the highest version of each category."""
    rows = await connection.execute(text("select category, max(version) as version from payments.policies group by category"))
    return {row.category: row.version for row in rows}


async def save_policies(connection: AsyncConnection, policies: Iterable[Policy]) -> None:
    """Write policies; one that is there stays."""
    if rows := list(policies):
        await connection.execute(
            text(f"""
                insert into payments.policies ({POLICY})
                select {POLICY} from json_populate_recordset(null::payments.policies, :rows) order by category, version
                on conflict do nothing"""),
            {"rows": rows_json(rows)},
        )


async def waiting(connection: AsyncConnection, limit: int) -> list[Outgoing]:
    """Return the oldest payments that wait to be published, in order."""
    return await outbox.waiting(connection, SCHEMA, limit)


def _account(row: Row[Any]) -> Account:
    columns = dict(row._mapping)
    captures = tuple(Capture(**_exact(capture)) for capture in columns.pop("captures"))
    return Account(captures=captures, refunds=tuple(Refund(**_exact(refund)) for refund in columns.pop("refunds")), **columns)


def _exact(stored: dict[str, Any]) -> dict[str, Any]:
    """Return an object as it was before it became JSON."""
    return {**stored, "amount": Decimal(stored["amount"])}
