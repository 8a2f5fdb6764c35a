"""What a booking gathers after it is accepted: moves, delivery, confirmation, review, suggestions, money; and two scans of time."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """alter table booking.bookings
        add column pending_since timestamptz,
        add column reschedules integer not null default 0,
        add column photos jsonb not null default '[]',
        add column delivery_notes text,
        add column recommendations text,
        add column delivered_at timestamptz,
        add column confirmation_requested_at timestamptz,
        add column auto_confirm_at timestamptz,
        add column delivery_confirmed_at timestamptz,
        add column confirmed_by text,
        add column auto_confirmed boolean not null default false,
        add column disputed boolean not null default false,
        add column dispute_reason text,
        add column completed_at timestamptz,
        add column rating integer,
        add column review text,
        add column reviewed_at timestamptz,
        add column suggestions jsonb not null default '[]',
        add column payment_status text not null default 'none',
        add column authorized numeric(10, 2) not null default 0,
        add column captured numeric(10, 2) not null default 0,
        add column refunded numeric(10, 2) not null default 0,
        add column refund_requested numeric(10, 2) not null default 0,
        add column paid_with text,
        add column processed_at timestamptz,
        add column entries jsonb not null default '[]'""",
    "create index bookings_unpaid on booking.bookings (created_at, id) where status = 'created'",
    """create index bookings_unanswered on booking.bookings (auto_confirm_at, id)
        where status = 'awaiting_confirmation' and not disputed and delivery_confirmed_at is null and auto_confirm_at is not null""",
)


def upgrade() -> None:
    """Add the columns and the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)
