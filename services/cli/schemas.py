"""`sewa migrate`: the database's schemas, one per service."""

import asyncio
from dataclasses import asdict, dataclass

import typer
from sqlalchemy import text

from services.cli.endpoints import answering_database, reach
from services.cli.known import SERVICES
from services.cli.output import AsJson, console, print_json
from services.runtime.db import open_direct_engine
from services.runtime.migrations import upgrade

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to a schema: the revisions before (None: there was no schema) and after."""

    schema: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return it as a line."""
        moved = f"{self.before or 'none'} → {self.after}" if self.before != self.after else f"already at {self.after}"
        return f"{self.schema:<10} {moved}"


@app.command()
def migrate(*, as_json: AsJson = False) -> None:
    """Bring every service's schema to its newest revision. Doing it again changes nothing, and two at once wait for each other."""
    steps = migrate_all(reach("database").direct_url)
    if as_json:
        print_json([asdict(step) for step in steps])
        return
    for step in steps:
        console().print(str(step))


def migrate_all(url: str) -> list[Step]:
    """Upgrade the schemas of all services on `url` and return what was done. Not to be called inside an event loop. Raises Halt."""
    with answering_database(url):
        return [_migrate_one(name, url) for name in SERVICES]


def _migrate_one(name: str, url: str) -> Step:
    before = asyncio.run(_revision(name, url))
    upgrade(name, url)
    return Step(name, before, asyncio.run(_revision(name, url)))


async def _revision(schema: str, url: str) -> str | None:
    engine = open_direct_engine(url, name="sewa-migrate")
    try:
        async with engine.connect() as connection:
            table = f"{schema}.alembic_version"
            if not await connection.scalar(text("select to_regclass(:table) is not null"), {"table": table}):
                return None
            revision: str | None = await connection.scalar(text(f"select version_num from {table}"))
            return revision
    finally:
        await engine.dispose()
