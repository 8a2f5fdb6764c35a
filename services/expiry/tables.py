"""The expiry service's tables: the deadline index, what was published of policies, what is on its way to others, and runs."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Index, Integer, MetaData, Numeric, Table, Text, Uuid, text
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
Index("deadlines_created", DEADLINES.c.booking, postgresql_where=text("status = 'created'"))
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

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("category", Text),
    Column("total", Integer, nullable=False),
    Column("at_most", Integer),
    Column("reason", Text),
    Column("force", Boolean, nullable=False),
    Column("requested_by", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("approved_by", Text),
    Column("approved_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
)
Index("runs_held", RUNS.c.status, unique=True, postgresql_where=text("status = 'waiting_approval'"))

RUN_BOOKINGS = Table(
    "run_bookings",
    METADATA,
    Column("run", Uuid, ForeignKey("expiry.runs.id", ondelete="CASCADE"), primary_key=True),
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("command", Text),
    Column("answer", Text),
    Column("code", Text),
    Column("cancelled_at", DateTime(timezone=True)),
)
Index("run_bookings_in_order", RUN_BOOKINGS.c.run, RUN_BOOKINGS.c.expires_at, RUN_BOOKINGS.c.booking)
Index("run_bookings_open", RUN_BOOKINGS.c.booking, postgresql_where=text("answer is null"))
