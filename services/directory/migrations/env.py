"""Alembic's environment of the directory."""

from services.directory.tables import METADATA
from services.runtime.migrations import run

run(METADATA)
