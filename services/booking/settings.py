"""Settings of the booking service."""

from datetime import timedelta

from pydantic import Field

from contracts.values import Zone
from services.runtime.settings import Port, RuntimeSettings


class BookingSettings(RuntimeSettings):
    """What the booking service reads from the environment."""

    port: Port = Field(8101, validation_alias="SEWA_BOOKING_PORT", description="health and metrics of the booking service, plus the slot")
    auto_confirm_after: float | None = Field(
        None,
        gt=0,
        le=8760,
        validation_alias="AUTO_CONFIRM_AFTER",
        description="hours after which a delivery that nobody confirmed or disputed counts as confirmed; default never",
    )
    timezone: Zone = Field("Asia/Kathmandu", description="IANA zone of local dates, the same for as long as figures are kept")
    inbox_days: int = Field(
        30, ge=8, le=3650, description="days that the inbox remembers refused and unchanged commands; longer than commands are kept"
    )

    @property
    def time_to_answer(self) -> timedelta | None:
        """`auto_confirm_after` as a duration."""
        return None if self.auto_confirm_after is None else timedelta(hours=self.auto_confirm_after)
