"""The booking service's tables. Those that grow with bookings are partitioned by the month of the booking's id."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.types import UserDefinedType

from services.runtime.inbox import inbox_table
from services.runtime.outbox import outbox_table

SCHEMA = "booking"
METADATA = MetaData(schema=SCHEMA)
NEXT_POSITION = text(f"nextval('{SCHEMA}.positions')")
PARTITIONED = (("bookings", "id"), ("log", "booking"), ("requests", "booking"), ("settlements", "booking"))


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name."""
        return "xid8"


INBOX = inbox_table(METADATA)
Index("inbox_received_at", INBOX.c.received_at, postgresql_using="brin")

OUTBOX = outbox_table(METADATA, Column("booking", Uuid), Column("version", Integer))

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
    Column("booking_date", DateTime(timezone=True), nullable=False),
    Column("duration_minutes", Integer, nullable=False),
    Column("total_amount", Numeric(10, 2), nullable=False),
    Column("currency", Text, nullable=False),
    Column("prepaid", Boolean, nullable=False),
    Column("requires_photos", Boolean, nullable=False),
    Column("min_photos", Integer, nullable=False),
    Column("payment_method", Text),
    Column("notes", Text),
    Column("rebooked_from", Uuid),
    Column("creation_digest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("last_status_update_at", DateTime(timezone=True)),
    Column("cancellation_reason", Text),
    Column("cancellation_note", Text),
    Column("cancelled_by", Text),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("auto_cancelled", Boolean, nullable=False),
    Column("expired_at", DateTime(timezone=True)),
    Column("pending_since", DateTime(timezone=True)),
    Column("reschedules", Integer, nullable=False, server_default=text("0")),
    Column("photos", JSONB, nullable=False, server_default=text("'[]'")),
    Column("delivery_notes", Text),
    Column("recommendations", Text),
    Column("delivered_at", DateTime(timezone=True)),
    Column("confirmation_requested_at", DateTime(timezone=True)),
    Column("auto_confirm_at", DateTime(timezone=True)),
    Column("delivery_confirmed_at", DateTime(timezone=True)),
    Column("confirmed_by", Text),
    Column("auto_confirmed", Boolean, nullable=False, server_default=text("false")),
    Column("disputed", Boolean, nullable=False, server_default=text("false")),
    Column("dispute_reason", Text),
    Column("completed_at", DateTime(timezone=True)),
    Column("rating", Integer),
    Column("review", Text),
    Column("reviewed_at", DateTime(timezone=True)),
    Column("suggestions", JSONB, nullable=False, server_default=text("'[]'")),
    Column("payment_status", Text, nullable=False, server_default=text("'none'")),
    Column("authorized", Numeric(10, 2), nullable=False, server_default=text("0")),
    Column("captured", Numeric(10, 2), nullable=False, server_default=text("0")),
    Column("refunded", Numeric(10, 2), nullable=False, server_default=text("0")),
    Column("refund_requested", Numeric(10, 2), nullable=False, server_default=text("0")),
    Column("paid_with", Text),
    Column("processed_at", DateTime(timezone=True)),
    Column("entries", JSONB, nullable=False, server_default=text("'[]'")),
    CheckConstraint("version >= 1", name="version_counts_from_1"),
    postgresql_partition_by="range (id)",
)
Index("bookings_date", BOOKINGS.c.booking_date)

Index("bookings_unpaid", BOOKINGS.c.created_at, BOOKINGS.c.id, postgresql_where=text("status = 'created'"))
Index(
    "bookings_unanswered",
    BOOKINGS.c.auto_confirm_at,
    BOOKINGS.c.id,
    postgresql_where=text(
        "status = 'awaiting_confirmation' and not disputed and delivery_confirmed_at is null and auto_confirm_at is not null"
    ),
)

LOG = Table(
    "log",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False, server_default=NEXT_POSITION),
    Column("xid", Xid8, nullable=False, server_default=func.pg_current_xact_id()),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("cause_id", Text, nullable=False),
    Column("cause_source", Text, nullable=False),
    Column("cause_hash", LargeBinary, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("traceparent", Text),
    CheckConstraint("version >= 1", name="version_counts_from_1"),
    postgresql_partition_by="range (booking)",
)

PARKED = Table(
    "parked",
    METADATA,
    Column("position", BigInteger, primary_key=True, server_default=NEXT_POSITION),
    Column("booking", Uuid, nullable=False, index=True),
    Column("parked_at", DateTime(timezone=True), nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

PROVIDER_SLOTS = Table(
    "provider_slots",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("provider", Uuid, nullable=False),
    Column("slot", TSTZRANGE, nullable=False),
    ExcludeConstraint(("provider", "="), ("slot", "&&"), name="no_overlap", using="gist"),
)

REQUESTS = Table(
    "requests",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ending", Text),
    postgresql_partition_by="range (booking)",
)

SETTLEMENTS = Table(
    "settlements",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("captured", Numeric, nullable=False),
    Column("refunded", Numeric, nullable=False),
    postgresql_partition_by="range (booking)",
)

FIGURE_DELTAS = Table(
    "figure_deltas",
    METADATA,
    Column("position", BigInteger, primary_key=True, server_default=NEXT_POSITION),
    Column("series", Text, nullable=False),
    Column("labels", ARRAY(Text), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("amount", Numeric, nullable=False),
)

FIGURE_TOTALS = Table(
    "figure_totals",
    METADATA,
    Column("series", Text, primary_key=True),
    Column("labels", ARRAY(Text), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("amount", Numeric, nullable=False),
)

HOOKS = (
    (METADATA, "before_create", "create extension if not exists btree_gist with schema public"),
    (
        LOG,
        "after_create",
        f"""create or replace function {SCHEMA}.refuse_change() returns trigger language plpgsql as
        $$ begin raise exception 'the event log is append-only'; end $$""",
    ),
    (
        LOG,
        "after_create",
        f"create trigger append_only before update or delete on {SCHEMA}.log for each row execute function {SCHEMA}.refuse_change()",
    ),
    (LOG, "after_create", f"revoke update, delete, truncate on {SCHEMA}.log from public"),
)
for target, moment, statement in HOOKS:
    event.listen(target, moment, DDL(statement))  # type: ignore[no-untyped-call]
