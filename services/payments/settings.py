"""Settings of the payments service."""

from pydantic import Field

from services.runtime.settings import Port, RuntimeSettings


class PaymentsSettings(RuntimeSettings):
    """What the payments service reads from the environment."""

    port: Port = Field(8401, validation_alias="SEWA_PAYMENTS_PORT", description="health and metrics of the payments service, plus the slot")
