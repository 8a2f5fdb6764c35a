"""Alembic's environment of the booking schema."""

from services.booking.tables import METADATA
from services.runtime.migrations import run

run(METADATA)
