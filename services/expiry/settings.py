"""Settings of the expiry service: the policies of this installation, and the pace of the scan."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, Json, Strict

from contracts.values import LARGEST_COUNT, Hours, Slug, Zone
from services.expiry.breaker import Breaker
from services.expiry.grace import EVERY_CATEGORY, Policy
from services.expiry.policies import Policies
from services.runtime.settings import Port, RuntimeSettings


def _some_time(hours: float) -> float:
    if not timedelta(hours=hours):
        message = "expected at least a microsecond"
        raise ValueError(message)
    return hours


Grace = Annotated[Hours, AfterValidator(_some_time)]
Number = Annotated[Grace, Strict()]


class ExpirySettings(RuntimeSettings):
    """What the expiry service reads from the environment."""

    port: Port = Field(8201, validation_alias="SEWA_EXPIRY_PORT", description="health and metrics of the expiry service, plus the slot")
    enabled: bool = Field(
        default=True,
        validation_alias="AUTO_CANCEL_ENABLED",
        description="`false`: bookings are watched, none is cancelled, and nobody is reminded",
    )
    grace_hours: Grace = Field(24, validation_alias="AUTO_CANCEL_GRACE_PERIOD", description="hours from booking_date to the deadline")
    quiet_hours: Grace | None = Field(
        None,
        validation_alias="AUTO_CANCEL_QUIET_PERIOD",
        description="hours that the last status update keeps a booking alive; default the grace period",
    )
    grace_by_category: Json[Mapping[Slug, Number]] = Field(
        "{}",  # type: ignore[arg-type] # a default is parsed like the environment
        validation_alias="AUTO_CANCEL_GRACE_PERIOD_BY_CATEGORY",
        description='grace period of some categories, JSON `{"category": hours}`',
    )
    reminder_hours: Json[Annotated[tuple[Hours, ...], Field(max_length=10)]] = Field(
        "[24, 2]",  # type: ignore[arg-type] # a default is parsed like the environment
        description="hours before a pending request lapses at which people are reminded, JSON list",
    )
    timezone: Zone = Field("Asia/Kathmandu", description="IANA zone of local dates")
    scan_seconds: float = Field(1, gt=0, le=86400, validation_alias="SEWA_EXPIRY_SCAN_SECONDS", description="seconds between two scans")
    in_flight: int = Field(
        2000, ge=1, le=100_000, validation_alias="SEWA_EXPIRY_IN_FLIGHT", description="commands that may wait for an answer at once"
    )
    breaker_max: int = Field(
        0,
        ge=0,
        le=LARGEST_COUNT,
        validation_alias="SEWA_EXPIRY_BREAKER_MAX",
        description="bookings that one scan or run may cancel before an admin has to approve it; 0: any number",
    )
    breaker_share: Decimal = Field(
        Decimal(0),
        ge=0,
        le=1,
        validation_alias="SEWA_EXPIRY_BREAKER_SHARE",
        description="the same as a share of the open bookings, 0..1; 0: any share",
    )

    @property
    def breaker(self) -> Breaker:
        """What one scan or run may cancel."""
        return Breaker(self.breaker_max, self.breaker_share)

    @property
    def policies(self) -> Policies:
        """The policies of version 0."""
        return Policies(
            self._policy(EVERY_CATEGORY, self.grace_hours),
            {category: self._policy(category, hours) for category, hours in self.grace_by_category.items()},
        )

    def _policy(self, category: str, hours: float) -> Policy:
        return Policy(category, hours, self.quiet_hours, timezone=self.timezone, reminders=self.reminder_hours)
