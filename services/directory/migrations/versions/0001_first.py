"""People and what they offer, bookings as suggestions need them, what was answered, and commands on their way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "directory"
INSTANT = sa.DateTime(timezone=True)
AMOUNT = sa.Numeric(10, 2)


def upgrade() -> None:
    """Apply."""
    _people()
    _services()
    _calendar()
    _bookings()
    _answers()
    _outbox()


def _changed_at() -> sa.Column[object]:
    return sa.Column("changed_at", INSTANT, nullable=False)


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid, primary_key=True),
        *(sa.Column(name, sa.Text) for name in ("role", "name", "email", "phone", "language", "timezone")),
        sa.Column("addresses", JSONB),
        sa.Column("active", sa.Boolean, nullable=False),
        _changed_at(),
        schema=SCHEMA,
    )


def _services() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("provider", sa.Uuid, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("price", AMOUNT, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("duration_minutes", sa.Integer, nullable=False),
        sa.Column("prepaid", sa.Boolean, nullable=False),
        sa.Column("requires_photos", sa.Boolean, nullable=False),
        sa.Column("min_photos", sa.SmallInteger, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        _changed_at(),
        schema=SCHEMA,
    )
    op.create_index("services_on_offer", "services", ["category"], schema=SCHEMA, postgresql_where=sa.text("active"))


def _calendar() -> None:
    op.create_table(
        "hours",
        sa.Column("provider", sa.Uuid, primary_key=True),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("weekly", JSONB, nullable=False),
        _changed_at(),
        schema=SCHEMA,
    )
    op.create_table(
        "leave",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("provider", sa.Uuid, nullable=False),
        sa.Column("from_date", sa.Date),
        sa.Column("to_date", sa.Date),
        sa.Column("reason", sa.Text),
        _changed_at(),
        schema=SCHEMA,
    )
    op.create_index("leave_of_provider", "leave", ["provider", "to_date"], schema=SCHEMA)


def _bookings() -> None:
    op.create_table(
        "bookings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("provider", sa.Uuid, nullable=False),
        sa.Column("service", sa.Uuid, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("booking_date", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("total_amount", AMOUNT, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("rating", sa.SmallInteger),
        schema=SCHEMA,
        postgresql_partition_by="RANGE (id)",
    )
    op.create_table(
        "slots",
        sa.Column("booking", sa.Uuid, primary_key=True),
        sa.Column("provider", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("begins_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("slots_of_provider", "slots", ["provider", "ends_at"], schema=SCHEMA)
    op.create_table(
        "figures",
        sa.Column("provider", sa.Uuid, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("completed", "cancelled", "ratings", "stars")),
        schema=SCHEMA,
    )


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("booking", sa.Uuid, primary_key=True),
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("answered_at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
        schema=SCHEMA,
        postgresql_partition_by="RANGE (booking)",
    )


def _outbox() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("positions", schema=SCHEMA)))
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger, primary_key=True, server_default=sa.text(f"nextval('{SCHEMA}.positions')")),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary),
        sa.Column("headers", JSONB),
        sa.Column("value", sa.LargeBinary),
        sa.Column("queued_at", INSTANT, nullable=False, server_default=sa.func.clock_timestamp()),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Take back."""
    for table in ("outbox", "answers", "figures", "slots", "bookings", "leave", "hours", "services", "people"):
        op.drop_table(table, schema=SCHEMA)
    op.execute(sa.schema.DropSequence(sa.Sequence("positions", schema=SCHEMA)))
