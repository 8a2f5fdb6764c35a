"""The expiry service's tables: the deadline index, what was published of policies, and what is on its way to others."""

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.outbox import outbox_table

SCHEMA = "expiry"
METADATA = MetaData(schema=SCHEMA)
PARTITIONED = (("deadlines", "booking"),)

DEADLINES = Table(
    "deadlines",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("booking_date", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("last_status_update_at", DateTime(timezone=True)),
    Column("expires_at", DateTime(timezone=True)),
    Column("dated_by", Text, nullable=False),
    Column("reminded_until", DateTime(timezone=True)),
    Column("next_reminder_at", DateTime(timezone=True)),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("expired_at", DateTime(timezone=True)),
    Column("total_amount", Numeric(10, 2)),
    Column("currency", Text),
    postgresql_partition_by="range (booking)",
)
Index("deadlines_due", DEADLINES.c.expires_at, DEADLINES.c.booking, postgresql_where=text("expires_at is not null"))
Index("deadlines_reminders", DEADLINES.c.next_reminder_at, DEADLINES.c.booking, postgresql_where=text("next_reminder_at is not null"))
Index("deadlines_open", DEADLINES.c.booking, postgresql_where=text("status in ('pending', 'confirmed')"))
Index("deadlines_undated", DEADLINES.c.booking, postgresql_where=text("status in ('pending', 'confirmed') and expires_at is null"))

EMISSIONS = Table(
    "emissions",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("command", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("emitted_at", DateTime(timezone=True), nullable=False),
    Column("refusal", Text),
)

OUTBOX = outbox_table(METADATA)

POLICIES = Table(
    "policies",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("data", JSONB, nullable=False),
    Column("position", BigInteger),
)

REDATINGS = Table(
    "redatings",
    METADATA,
    Column("number", BigInteger, primary_key=True, server_default=text("nextval('expiry.positions')"), autoincrement=False),
    Column("plan", Text, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("total", Integer),
    Column("seen", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("mark", Uuid),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)
