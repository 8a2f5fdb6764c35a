"""What letters need, the send ledger, letters in the app, and receipts on their way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "notifier"
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    _projections()
    _ledger()
    _letters()
    _outbox()


def _projections() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid, primary_key=True),
        *(sa.Column(name, sa.Text) for name in ("role", "name", "email", "language", "timezone")),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "services",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        *(sa.Column(name, sa.Uuid, nullable=False) for name in ("customer", "provider", "service")),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("booking_date", INSTANT, nullable=False),
        sa.Column("total_amount", sa.Numeric(10, 2), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("cancellation_reason", sa.Text),
        sa.Column("cancellation_note", sa.Text),
        sa.Column("expired_at", INSTANT),
        schema=SCHEMA,
        postgresql_partition_by="RANGE (id)",
    )


def _ledger() -> None:
    op.create_table(
        "deliveries",
        sa.Column("booking", sa.Uuid, primary_key=True),
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("recipient", sa.Uuid, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("template", sa.Text, primary_key=True),
        sa.Column("booking_version", sa.Integer, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("lease_until", INSTANT),
        sa.Column("reason", sa.Text),
        sa.Column("outcome_at", INSTANT),
        schema=SCHEMA,
        postgresql_partition_by="RANGE (booking)",
    )
    due = sa.text("state = 'pending'")
    op.create_index("deliveries_due", "deliveries", ["channel", "next_attempt_at"], schema=SCHEMA, postgresql_where=due)


def _letters() -> None:
    op.create_table(
        "letters",
        sa.Column("booking", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("recipient", sa.Uuid, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("facts", postgresql.JSONB, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT),
        schema=SCHEMA,
        postgresql_partition_by="RANGE (booking)",
    )
    op.create_index("letters_of_recipient", "letters", ["recipient", "created_at"], schema=SCHEMA)


def _outbox() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("positions", schema=SCHEMA)))
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger, primary_key=True, server_default=sa.text(f"nextval('{SCHEMA}.positions')")),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("headers", postgresql.JSONB),
        sa.Column("value", sa.LargeBinary),
        sa.Column("queued_at", INSTANT, nullable=False, server_default=sa.func.clock_timestamp()),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Take back."""
    for table in ("outbox", "letters", "deliveries", "bookings", "services", "people"):
        op.drop_table(table, schema=SCHEMA)
    op.execute(sa.schema.DropSequence(sa.Sequence("positions", schema=SCHEMA)))
