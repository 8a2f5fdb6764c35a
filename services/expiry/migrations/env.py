"""Alembic's environment of the expiry schema."""

from services.expiry.tables import METADATA
from services.runtime.migrations import run

run(METADATA)
