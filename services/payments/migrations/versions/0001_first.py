"""The money of bookings, the fees of policies, and payments on their way."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """create table payments.accounts (
        booking uuid not null primary key, version integer not null, status text not null, category text not null,
        currency text not null, payment_method text, payment_status text not null, cash_captured boolean not null,
        captures jsonb not null, refunds jsonb not null, settled numeric(10, 2) not null) partition by range (booking)""",
    """create table payments.policies (
        category text not null, version integer not null, effective_at timestamptz not null, cancel_fee_percent numeric not null,
        free_cancel_hours numeric not null, no_show_fee_percent numeric not null, primary key (category, version))""",
    "create sequence payments.positions",
    """create table payments.outbox (
        position bigint not null default nextval('payments.positions') primary key, topic text not null, key bytea, headers jsonb,
        value bytea, queued_at timestamptz not null default clock_timestamp())""",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)
