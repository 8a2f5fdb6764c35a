"""Runs by hand and held scans, with what becomes of each booking."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    "create index deadlines_created on expiry.deadlines (booking) where status = 'created'",
    """create table expiry.runs (
        id uuid not null primary key, kind text not null, mode text not null, status text not null, as_of timestamptz not null,
        category text, total integer not null, at_most integer, reason text, force boolean not null, requested_by text,
        requested_at timestamptz not null, approved_by text, approved_at timestamptz, ended_at timestamptz)""",
    "create unique index runs_held on expiry.runs (status) where status = 'waiting_approval'",
    """create table expiry.run_bookings (
        run uuid not null references expiry.runs (id) on delete cascade, booking uuid not null, version integer not null,
        expires_at timestamptz not null, command text, answer text, code text, cancelled_at timestamptz, primary key (run, booking))""",
    "create index run_bookings_in_order on expiry.run_bookings (run, expires_at, booking)",
    "create index run_bookings_open on expiry.run_bookings (booking) where answer is null",
)


def upgrade() -> None:
    """Remember runs."""
    for statement in STATEMENTS:
        op.execute(statement)
