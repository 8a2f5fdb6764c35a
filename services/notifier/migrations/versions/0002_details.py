"""What events add to the letters about them, who is asked to act, and which failed payment was told of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "notifier"


def upgrade() -> None:
    """Apply."""
    op.add_column("bookings", sa.Column("asked", sa.Integer), schema=SCHEMA)
    op.add_column("bookings", sa.Column("failed_payment", sa.Text), schema=SCHEMA)
    op.add_column("bookings", sa.Column("failed_for_good", sa.Boolean, nullable=False, server_default=sa.text("false")), schema=SCHEMA)
    op.execute("update notifier.bookings set asked = version where status in ('pending', 'awaiting_confirmation')")
    op.add_column("deliveries", sa.Column("details", postgresql.JSONB), schema=SCHEMA)


def downgrade() -> None:
    """Take back."""
    op.drop_column("deliveries", "details", schema=SCHEMA)
    for column in ("failed_for_good", "failed_payment", "asked"):
        op.drop_column("bookings", column, schema=SCHEMA)
