"""What the dashboards show. What the copies of a service measure alike is their `max`, what each counts for itself their `sum`."""

from dataclasses import dataclass

RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: queries by their legend, in a unit of Grafana's; `kind` is a type of panel, `width` so many of 24 columns."""

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    about: str = ""


def lag_quantile(share: float) -> str:
    """Return the query for a quantile of the time from deadlines to cancellations."""
    return f"histogram_quantile({share}, sum by (le) (rate(booking_expiry_lag_seconds_bucket{RATE})))"


RATIOS = "Of the bookings that ended; the last 30 local days by booking date, and all. Nothing is shown while none has ended."
BOOKINGS = (
    Panel("Completed", {"{{window}}": "max by (window) (booking_completion_ratio)"}, "percentunit", "stat", 6, RATIOS),
    Panel("Auto-cancelled", {"{{window}}": "max by (window) (booking_auto_cancel_ratio)"}, "percentunit", "stat", 6, RATIOS),
    Panel("Average value", {"of completed ones": "max(booking_value_npr)"}, "currency:Rs", "stat", 6, "Of completed bookings, in NPR"),
    Panel("Bookings", {"in all": "sum(booking_status)"}, kind="stat", width=6),
    Panel(
        "Ratios",
        {
            "completed, {{window}}": "max by (window) (booking_completion_ratio)",
            "auto-cancelled, {{window}}": "max by (window) (booking_auto_cancel_ratio)",
        },
        "percentunit",
        about=RATIOS,
    ),
    Panel("Bookings by status", {"{{status}}": "sum by (status) (booking_status)"}),
    Panel("Events by type", {"{{type}}": f"sum by (type) (rate(booking_events_total{RATE}))"}, "cps"),
    Panel("Events by category", {"{{category}}": f"sum by (category) (rate(booking_events_total{RATE}))"}, "cps"),
)

EXPIRY = (
    Panel("Overdue", {"bookings": "sum(booking_overdue_bookings)"}, kind="stat", width=8, about="Past their deadline, not cancelled yet"),
    Panel("Breaker", {"open": "max(booking_expiry_breaker_open)"}, "bool_yes_no", "stat", 8, "Open: a scan waits for an admin's approval"),
    Panel("Cancelled in an hour", {"bookings": "sum(increase(booking_expiry_lag_seconds_count[1h]))"}, kind="stat", width=8),
    Panel("Overdue over time", {"bookings": "sum(booking_overdue_bookings)"}),
    Panel(
        "From deadline to cancellation",
        {
            "median": lag_quantile(0.5),
            "95 of 100": lag_quantile(0.95),
            "mean": f"sum(rate(booking_expiry_lag_seconds_sum{RATE})) / sum(rate(booking_expiry_lag_seconds_count{RATE}))",
        },
        "s",
        about="Business time",
    ),
    Panel("Commands by outcome", {"{{outcome}}": f"sum by (outcome) (rate(booking_expiry_commands_total{RATE}))"}, "cps", width=24),
)

PIPELINE = (
    Panel("Processes up", {"{{job}}": "sum by (job) (up)"}, kind="stat", width=24),
    Panel("Consumer lag", {"{{group}} of {{topic}}": "sum by (group, topic) (consumer_lag)"}, about="Records that have yet to be read"),
    Panel("Commands by outcome", {"{{outcome}}": f"sum by (outcome) (rate(commands_total{RATE}))"}, "cps"),
    Panel(
        "Outbox",
        {"{{job}}": "max by (job) (outbox_pending)", "{{job}}, held": "max by (job) (outbox_held)"},
        about="Messages that wait to be published; held are those that cannot be sent",
    ),
    Panel("Oldest in the outbox", {"{{job}}": "max by (job) (outbox_oldest_seconds)"}, "s"),
    Panel("Dead letters in an hour", {"{{reason}} of {{topic}}": "sum by (reason, topic) (increase(dead_letters_total[1h]))"}),
    Panel("Parked", {"commands": "max(parked_commands)"}, about="Commands that wait for their booking"),
    Panel("Commands by type", {"{{type}}": f"sum by (type) (rate(commands_total{RATE}))"}, "cps"),
    Panel(
        "Notifications",
        {"{{channel}} {{outcome}}": f"sum by (channel, outcome) (rate(notifications_total{RATE}))"},
        "cps",
    ),
    Panel("Failed rounds of loops", {"{{job}} {{loop}}": f"sum by (job, loop) (rate(loop_failures_total{RATE}))"}, "cps"),
    Panel("Replay", {"active": "max(replay_active)", "bookings that differ": "max(replay_divergence)"}),
)

BOARDS = {"bookings": ("Bookings", BOOKINGS), "expiry": ("Expiry", EXPIRY), "pipeline": ("Pipeline", PIPELINE)}
