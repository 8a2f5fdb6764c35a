"""The figures: what batches add and its totals, requests to providers, and settlements of money."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "create index bookings_date on booking.bookings (booking_date)",
    """create table booking.requests (
        booking uuid not null, version integer not null, requested_at timestamptz not null, ended_at timestamptz, ending text,
        primary key (booking, version)) partition by range (booking)""",
    """create table booking.settlements (
        booking uuid not null, version integer not null, at timestamptz not null, captured numeric not null, refunded numeric not null,
        primary key (booking, version)) partition by range (booking)""",
    "create index ix_booking_settlements_at on booking.settlements (at)",
    """create table booking.figure_deltas (
        position bigint not null default nextval('booking.positions') primary key,
        series text not null, labels text[] not null, number bigint not null, amount numeric not null)""",
    """create table booking.figure_totals (
        series text not null, labels text[] not null, number bigint not null, amount numeric not null, primary key (series, labels))""",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)
