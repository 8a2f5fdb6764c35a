"""The deadline index, and the commands that wait for their answer."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """create table expiry.deadlines (
        booking uuid not null primary key, version integer not null, status text not null, category text not null,
        booking_date timestamptz not null, created_at timestamptz not null, last_status_update_at timestamptz,
        expires_at timestamptz, dated_by text not null, cancelled_at timestamptz, expired_at timestamptz) partition by range (booking)""",
    "create index deadlines_due on expiry.deadlines (expires_at, booking) where expires_at is not null",
    """create table expiry.emissions (
        booking uuid not null primary key, command text not null, version integer not null, emitted_at timestamptz not null,
        refusal text)""",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)
