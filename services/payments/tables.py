"""The payments service's tables: the money of each booking, the fees that policies set, and payments on their way to Kafka."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.outbox import outbox_table

SCHEMA = "payments"
METADATA = MetaData(schema=SCHEMA)
PARTITIONED = (("accounts", "booking"),)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("booking", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("payment_method", Text),
    Column("payment_status", Text, nullable=False),
    Column("cash_captured", Boolean, nullable=False),
    Column("captures", JSONB, nullable=False),
    Column("refunds", JSONB, nullable=False),
    Column("settled", Numeric(10, 2), nullable=False),
    postgresql_partition_by="range (booking)",
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("category", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("cancel_fee_percent", Numeric, nullable=False),
    Column("free_cancel_hours", Numeric, nullable=False),
    Column("no_show_fee_percent", Numeric, nullable=False),
)

OUTBOX = outbox_table(METADATA)
