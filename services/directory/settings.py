"""Settings of the directory."""

from pydantic import Field

from services.runtime.settings import Port, RuntimeSettings


class DirectorySettings(RuntimeSettings):
    """What the directory reads from the environment."""

    port: Port = Field(8501, validation_alias="SEWA_DIRECTORY_PORT", description="health and metrics of the directory, plus the slot")
