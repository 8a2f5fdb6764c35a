"""The tables of the directory. What grows with bookings is partitioned by the booking's id."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Integer, MetaData, Numeric, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.outbox import outbox_table

SCHEMA = "directory"
METADATA = MetaData(schema=SCHEMA)
PARTITIONED = (("bookings", "id"), ("answers", "booking"))
INSTANT = DateTime(timezone=True)
AMOUNT = Numeric(10, 2)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("role", Text),
    Column("name", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("language", Text),
    Column("timezone", Text),
    Column("addresses", JSONB),
    Column("active", Boolean, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)

SERVICES = Table(
    "services",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("provider", Uuid, nullable=False),
    Column("category", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("price", AMOUNT, nullable=False),
    Column("currency", Text, nullable=False),
    Column("duration_minutes", Integer, nullable=False),
    Column("prepaid", Boolean, nullable=False),
    Column("requires_photos", Boolean, nullable=False),
    Column("min_photos", SmallInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)
Index("services_on_offer", SERVICES.c.category, postgresql_where=SERVICES.c.active)

HOURS = Table(
    "hours",
    METADATA,
    Column("provider", Uuid, primary_key=True),
    Column("timezone", Text, nullable=False),
    Column("weekly", JSONB, nullable=False),
    Column("changed_at", INSTANT, nullable=False),
)

LEAVE = Table(
    "leave",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("provider", Uuid, nullable=False),
    Column("from_date", Date),
    Column("to_date", Date),
    Column("reason", Text),
    Column("changed_at", INSTANT, nullable=False),
)
Index("leave_of_provider", LEAVE.c.provider, LEAVE.c.to_date)

BOOKINGS = Table(
    "bookings",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("provider", Uuid, nullable=False),
    Column("service", Uuid, nullable=False),
    Column("category", Text, nullable=False),
    Column("booking_date", INSTANT, nullable=False),
    Column("ends_at", INSTANT, nullable=False),
    Column("total_amount", AMOUNT, nullable=False),
    Column("currency", Text, nullable=False),
    Column("rating", SmallInteger),
    postgresql_partition_by="RANGE (id)",
)

SLOTS = Table(
    "slots",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("provider", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("begins_at", INSTANT, nullable=False),
    Column("ends_at", INSTANT, nullable=False),
)
Index("slots_of_provider", SLOTS.c.provider, SLOTS.c.ends_at)

FIGURES = Table(
    "figures",
    METADATA,
    Column("provider", Uuid, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("completed", "cancelled", "ratings", "stars")),
)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("answered_at", INSTANT, nullable=False, server_default=text("clock_timestamp()")),
    postgresql_partition_by="RANGE (booking)",
)

OUTBOX = outbox_table(METADATA)
