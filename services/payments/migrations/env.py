"""Alembic's environment of the payments schema."""

from services.payments.tables import METADATA
from services.runtime.migrations import run

run(METADATA)
