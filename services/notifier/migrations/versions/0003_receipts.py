"""Receipts wait as pointers to the ledger, which knows the id of the letter in the app."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = "notifier"
KEY = (("booking", sa.Uuid), ("event", sa.Text), ("recipient", sa.Uuid), ("channel", sa.Text), ("template", sa.Text))


def upgrade() -> None:
    """Make."""
    op.add_column("deliveries", sa.Column("letter", sa.Uuid), schema=SCHEMA)
    for name, type_ in KEY:
        op.add_column("outbox", sa.Column(name, type_), schema=SCHEMA)


def downgrade() -> None:
    """Take back."""
    for name, _ in KEY:
        op.drop_column("outbox", name, schema=SCHEMA)
    op.drop_column("deliveries", "letter", schema=SCHEMA)
