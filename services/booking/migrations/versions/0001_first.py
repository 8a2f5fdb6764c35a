"""Bookings, their event log, inbox, outbox, what is parked, and the providers' time."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "create extension if not exists btree_gist with schema public",
    "create sequence booking.positions",
    """create table booking.inbox (
        consumer text not null, source text not null, message_id text not null, payload_hash bytea not null, outcome text not null,
        received_at timestamptz not null default clock_timestamp(),
        primary key (consumer, source, message_id))""",
    "create index inbox_received_at on booking.inbox using brin (received_at)",
    """create table booking.outbox (
        position bigint not null default nextval('booking.positions') primary key,
        topic text not null, key bytea, headers jsonb, value bytea,
        queued_at timestamptz not null default clock_timestamp(), booking uuid, version integer)""",
    """create table booking.bookings (
        id uuid not null primary key, version integer not null, status text not null,
        customer uuid not null, provider uuid not null, service uuid not null, category text not null,
        booking_date timestamptz not null, duration_minutes integer not null, total_amount numeric(10, 2) not null, currency text not null,
        prepaid boolean not null, requires_photos boolean not null, min_photos integer not null, payment_method text,
        notes text, rebooked_from uuid, creation_digest text not null, created_at timestamptz not null, updated_at timestamptz not null,
        last_status_update_at timestamptz,
        cancellation_reason text, cancellation_note text, cancelled_by text, cancelled_at timestamptz, auto_cancelled boolean not null,
        expired_at timestamptz, constraint version_counts_from_1 check (version >= 1)) partition by range (id)""",
    """create table booking.log (
        booking uuid not null, version integer not null, position bigint not null default nextval('booking.positions'),
        xid xid8 not null default pg_current_xact_id(), event_id uuid not null, type text not null, payload json not null,
        actor text not null, at timestamptz not null, cause_id text not null, cause_source text not null, cause_hash bytea not null,
        correlation_id text not null, traceparent text, primary key (booking, version),
        constraint version_counts_from_1 check (version >= 1)) partition by range (booking)""",
    """create function booking.refuse_change() returns trigger language plpgsql as
        $$ begin raise exception 'the event log is append-only'; end $$""",
    "create trigger append_only before update or delete on booking.log for each row execute function booking.refuse_change()",
    "revoke update, delete, truncate on booking.log from public",
    """create table booking.parked (
        position bigint not null default nextval('booking.positions') primary key, booking uuid not null, parked_at timestamptz not null,
        topic text not null, partition integer not null, "offset" bigint not null, timestamp bigint not null, headers jsonb not null,
        value bytea not null)""",
    "create index ix_booking_parked_booking on booking.parked (booking)",
    """create table booking.provider_slots (
        booking uuid not null primary key, provider uuid not null, slot tstzrange not null,
        constraint no_overlap exclude using gist (provider with =, slot with &&))""",
)


def upgrade() -> None:
    """Create everything."""
    for statement in STATEMENTS:
        op.execute(statement)
