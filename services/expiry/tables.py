"""The expiry service's tables: the deadline index, the commands that wait for their answer, and reminders on their way."""

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid, text

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
    postgresql_partition_by="range (booking)",
)
Index("deadlines_due", DEADLINES.c.expires_at, DEADLINES.c.booking, postgresql_where=text("expires_at is not null"))
Index("deadlines_reminders", DEADLINES.c.next_reminder_at, DEADLINES.c.booking, postgresql_where=text("next_reminder_at is not null"))

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
