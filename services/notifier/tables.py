"""The tables of the notifier. What grows with bookings is partitioned by the booking's id."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.outbox import outbox_table

SCHEMA = "notifier"
METADATA = MetaData(schema=SCHEMA)
PARTITIONED = (("bookings", "id"), ("deliveries", "booking"), ("letters", "booking"))
INSTANT = DateTime(timezone=True)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("role", Text),
    Column("name", Text),
    Column("email", Text),
    Column("language", Text),
    Column("timezone", Text),
    Column("active", Boolean, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)

SERVICES = Table(
    "services",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)

BOOKINGS = Table(
    "bookings",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("customer", Uuid, nullable=False),
    Column("provider", Uuid, nullable=False),
    Column("service", Uuid, nullable=False),
    Column("category", Text, nullable=False),
    Column("booking_date", INSTANT, nullable=False),
    Column("total_amount", Numeric(10, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("cancellation_reason", Text),
    Column("cancellation_note", Text),
    Column("expired_at", INSTANT),
    Column("asked", Integer),
    Column("failed_payment", Text),
    Column("failed_for_good", Boolean, nullable=False, server_default=text("false")),
    postgresql_partition_by="RANGE (id)",
)

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("event", Text, primary_key=True),
    Column("recipient", Uuid, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("template", Text, primary_key=True),
    Column("letter", Uuid),
    Column("booking_version", Integer, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("details", JSONB),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", INSTANT, nullable=False, server_default=text("clock_timestamp()")),
    Column("lease_until", INSTANT),
    Column("reason", Text),
    Column("outcome_at", INSTANT),
    postgresql_partition_by="RANGE (booking)",
)
Index("deliveries_due", DELIVERIES.c.channel, DELIVERIES.c.next_attempt_at, postgresql_where=DELIVERIES.c.state == text("'pending'"))

LETTERS = Table(
    "letters",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("recipient", Uuid, nullable=False),
    Column("template", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("read_at", INSTANT),
    postgresql_partition_by="RANGE (booking)",
)
Index("letters_of_recipient", LETTERS.c.recipient, LETTERS.c.created_at)

OUTBOX = outbox_table(METADATA, *(Column(column.name, column.type) for column in DELIVERIES.primary_key))
