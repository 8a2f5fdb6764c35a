"""The series of the expiry service: how much is overdue, and how long after its deadline a booking is cancelled."""

from prometheus_client import Gauge, Histogram

OVERDUE = Gauge("booking_overdue_bookings", "Bookings past their deadline that are not cancelled yet")
LAG = Histogram(
    "booking_expiry_lag_seconds",
    "Business time from a booking's deadline to its cancellation",
    buckets=(0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600, 6 * 3600, 24 * 3600),
)
