"""The technical series that every process exports about itself."""

from prometheus_client import Counter, Gauge, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call] # nobody asks when a series began, and each would be one of its own

COMMANDS = Counter("commands", "Commands by what became of them", ["type", "outcome"])
DEAD_LETTERS = Counter("dead_letters", "Messages that could not be understood or processed", ["topic", "reason"])
OUTBOX_HELD = Gauge("outbox_held", "Messages that cannot be sent and hold their key's later ones")
CONSUMER_LAG = Gauge("consumer_lag", "Records that this process has yet to read", ["topic", "group"])
EXPIRY_COMMANDS = Counter("booking_expiry_commands", "ExpireBooking commands by outcome", ["outcome"])
MAINTENANCE_COMMANDS = Counter("booking_maintenance_commands", "MaintenanceCancel commands of runs by outcome", ["outcome"])
NOTIFICATIONS = Counter("notifications", "Letters by channel, template and outcome", ["channel", "template", "outcome"])
LOOP_FAILURES = Counter("loop_failures", "Rounds of a loop that failed", ["loop"])
