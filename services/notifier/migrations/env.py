"""Alembic's environment of the notifier."""

from services.notifier.tables import METADATA
from services.runtime.migrations import run

run(METADATA)
