"""What the migrations build is what the tables declare, in everything that the catalogue knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TypeAlias

import asyncpg
import pytest
from sqlalchemy import MetaData, text

from services.runtime.db import open_direct_engine
from services.runtime.errors import StartFailed
from services.runtime.migrations import require_newest
from tests.servers import MIGRATED, copied_database

Catalogue: TypeAlias = dict[tuple[str, str], str]
OF_SCHEMA = "n.nspname = $1 and c.relname <> 'alembic_version'"
IN_SCHEMA = "join pg_class c on c.oid = {} join pg_namespace n on n.oid = c.relnamespace"
QUERIES = {
    "relation": f"""
        select relname, concat_ws(' ', relkind, relpersistence, pg_get_partkeydef(c.oid), reloptions, relacl)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where {OF_SCHEMA} and relkind in ('r', 'p', 'v', 'm', 'S')""",
    "column": f"""
        select relname || '.' || attname, concat_ws(' ', format_type(atttypid, atttypmod), case when attnotnull then 'not null' end,
            pg_get_expr(adbin, adrelid), attidentity, attgenerated, attcollation::regcollation)
        from pg_attribute a {IN_SCHEMA.format("attrelid")} left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where {OF_SCHEMA} and attnum > 0 and not attisdropped and relkind in ('r', 'p')""",
    "constraint": f"""
        select relname || '.' || conname, pg_get_constraintdef(k.oid)
        from pg_constraint k {IN_SCHEMA.format("conrelid")} where {OF_SCHEMA}""",
    "index": f"""
        select own.relname, pg_get_indexdef(own.oid)
        from pg_index i join pg_class own on own.oid = i.indexrelid {IN_SCHEMA.format("i.indrelid")} where {OF_SCHEMA}""",
    "trigger": f"""
        select relname || '.' || tgname, pg_get_triggerdef(t.oid)
        from pg_trigger t {IN_SCHEMA.format("tgrelid")} where {OF_SCHEMA} and not tgisinternal""",
    "sequence": f"""
        select relname, concat_ws(' ', s.seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
        from pg_sequence s {IN_SCHEMA.format("seqrelid")} where {OF_SCHEMA}""",
    "function": """
        select proname, regexp_replace(prosrc, '\\s+', ' ', 'g')
        from pg_proc p join pg_namespace n on n.oid = pronamespace where n.nspname = $1""",
    "type": """
        select typname, concat_ws(' ', typtype, array(select enumlabel from pg_enum where enumtypid = t.oid order by enumsortorder))
        from pg_type t join pg_namespace n on n.oid = typnamespace where n.nspname = $1 and typtype in ('e', 'd')""",
}


async def catalogue(connection: asyncpg.Connection, schema: str) -> Catalogue:
    """All that is in `schema`, by kind and name."""
    return {(kind, name): told for kind, query in QUERIES.items() for name, told in await connection.fetch(query, schema)}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def declare(url: str, metadata: MetaData) -> None:
    """Build what the tables declare."""
    engine = open_direct_engine(url, name="test")
    async with engine.begin() as connection:
        await connection.execute(text(f"create schema {metadata.schema}"))
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


@pytest.mark.parametrize("service", MIGRATED)
async def test_a_migrated_database_is_the_declared_one(postgres_url: str, database_url: str, service: str) -> None:
    with copied_database(postgres_url, "template1") as declared_url:
        await declare(declared_url, import_module(f"services.{service}.tables").METADATA)
        async with connected(database_url) as migrated, connected(declared_url) as declared:
            assert await catalogue(migrated, service) == await catalogue(declared, service)


GUARD = "function booking.refuse_change() returns trigger language plpgsql as"
CHANGES = {
    ("constraint", "provider_slots.no_overlap"): "alter table booking.provider_slots drop constraint no_overlap",
    ("constraint", "bookings.version_counts_from_1"): "alter table booking.bookings drop constraint version_counts_from_1",
    ("column", "outbox.queued_at"): "alter table booking.outbox alter queued_at drop default",
    ("column", "inbox.outcome"): "alter table booking.inbox alter outcome drop not null",
    ("column", "bookings.total_amount"): "alter table booking.bookings alter total_amount type numeric(11, 2)",
    ("index", "ix_booking_parked_booking"): "drop index booking.ix_booking_parked_booking",
    ("trigger", "log.append_only"): "drop trigger append_only on booking.log",
    ("sequence", "positions"): "alter sequence booking.positions increment 2",
    ("function", "refuse_change"): f"create or replace {GUARD} 'begin return new; end'",
    ("relation", "parked"): "drop table booking.parked",
}


async def test_the_comparison_notices_every_kind_of_change(database_url: str) -> None:
    async with connected(database_url) as connection:
        before = await catalogue(connection, "booking")
        for changed, statement in CHANGES.items():
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(statement)
            after = await catalogue(connection, "booking")
            await transaction.rollback()
            assert changed in before
            assert before[changed] != after.get(changed)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [("drop schema booking cascade", "none"), ("update booking.alembic_version set version_num = '0000'", "0000")],
)
async def test_a_process_does_not_start_on_an_older_schema(database_url: str, spoil: str, found: str) -> None:
    engine = open_direct_engine(database_url, name="test")
    async with engine.connect() as connection:
        await require_newest(connection, "booking")
        await connection.execute(text(spoil))
        with pytest.raises(StartFailed, match=f"is at revision {found}, this program needs .*: run `sewa migrate`"):
            await require_newest(connection, "booking")
