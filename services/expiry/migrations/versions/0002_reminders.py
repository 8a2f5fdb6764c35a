"""When the next reminder of a request is due, and an outbox for what is said of deadlines."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "alter table expiry.deadlines add column reminded_until timestamptz, add column next_reminder_at timestamptz",
    "create index deadlines_reminders on expiry.deadlines (next_reminder_at, booking) where next_reminder_at is not null",
    "update expiry.deadlines set reminded_until = coalesce(last_status_update_at, created_at) where status = 'pending'",
    "create sequence expiry.positions",
    """create table expiry.outbox (
        position bigint not null default nextval('expiry.positions') primary key,
        topic text not null, key bytea, headers jsonb, value bytea,
        queued_at timestamptz not null default clock_timestamp())""",
)


def upgrade() -> None:
    """Remember and publish reminders."""
    for statement in STATEMENTS:
        op.execute(statement)
