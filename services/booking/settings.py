"""Settings of the booking service."""

from pydantic import Field

from contracts.values import Zone
from services.runtime.settings import Port, RuntimeSettings


class BookingSettings(RuntimeSettings):
    """What the booking service reads from the environment."""

    port: Port = Field(8101, validation_alias="SEWA_BOOKING_PORT", description="health and metrics of the booking service, plus the slot")
    timezone: Zone = Field("Asia/Kathmandu", description="IANA zone of local dates; kept for as long as the figures are")
    inbox_days: int = Field(
        30, ge=8, le=3650, description="days that the inbox remembers refused and unchanged commands; longer than commands are kept"
    )
