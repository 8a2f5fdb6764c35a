"""Runs a service's Alembic migrations: one environment and one PostgreSQL schema per service."""

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection

import services
from services.runtime.db import open_direct_engine
from services.runtime.errors import StartFailed


def config_for(service: str, url: str) -> Config:
    """Return Alembic's configuration of `service` on the database `url`."""
    config = Config()
    config.set_main_option("script_location", str(Path(services.__path__[0]) / service / "migrations"))
    config.attributes["url"] = url
    return config


def upgrade(service: str, url: str) -> None:
    """Bring the schema of `service` to its newest revision. Not to be called inside an event loop."""
    command.upgrade(config_for(service, url), "head")


async def require_newest(connection: AsyncConnection, service: str) -> None:
    """Raise StartFailed unless the schema of `service` has its newest revision."""
    newest = ScriptDirectory.from_config(config_for(service, "")).get_current_head()
    table = f"{service}.alembic_version"
    exists = await connection.scalar(text("select to_regclass(:table) is not null"), {"table": table})
    found = await connection.scalar(text(f"select version_num from {table}")) if exists else None
    if found != newest:
        message = f"the database's schema {service} is at revision {found or 'none'}, this program needs {newest}: run `sewa migrate`"
        raise StartFailed(message)


def run(metadata: MetaData) -> None:
    """Run the migrations that Alembic's context asks for; each service's `migrations/env.py` is this one call."""
    asyncio.run(_run(metadata, context.config.attributes["url"]))


async def _run(metadata: MetaData, url: str) -> None:
    engine = open_direct_engine(url, name=f"sewa-migrate-{metadata.schema}")
    async with engine.begin() as connection:
        await connection.execute(text("select pg_advisory_xact_lock(hashtextextended('migrate', 0))"))
        await connection.execute(text(f"create schema if not exists {metadata.schema}"))
        await connection.run_sync(_migrate, metadata)
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection, target_metadata=metadata, version_table_schema=metadata.schema, include_schemas=True)
    with context.begin_transaction():
        context.run_migrations()
