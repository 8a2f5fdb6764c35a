"""What was published about policies and calendars, the passes that date bookings anew, and what a booking is worth."""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    """create table expiry.policies (
        subject text not null, version text not null, effective_at timestamptz not null, data jsonb not null, position bigint,
        primary key (subject, version))""",
    """create table expiry.redatings (
        number bigint not null default nextval('expiry.positions') primary key,
        plan text not null, as_of timestamptz not null, total integer, seen integer not null, changed integer not null,
        mark uuid, began_at timestamptz not null, ended_at timestamptz)""",
    "alter table expiry.deadlines add column total_amount numeric(10, 2), add column currency text",
    "create index deadlines_open on expiry.deadlines (booking) where status in ('pending', 'confirmed')",
    "create index deadlines_undated on expiry.deadlines (booking) where status in ('pending', 'confirmed') and expires_at is null",
)


def upgrade() -> None:
    """Follow what is published."""
    for statement in STATEMENTS:
        op.execute(statement)
