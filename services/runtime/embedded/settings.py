"""Where Apache Kafka is downloaded from, and to."""

import os
from pathlib import Path

from pydantic import Field

from services.runtime.settings import Environment


class DownloadSettings(Environment):
    """What a first start reads from the environment."""

    cache: Path | None = Field(None, description="folder that Apache Kafka is downloaded to, once; default `~/.cache/sewabazaar`")
    maven_url: str = Field("https://repo.maven.apache.org/maven2", description="Maven repository that it is downloaded from")

    @property
    def cache_folder(self) -> Path:
        """`cache`, or a folder of the user's cache."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return (self.cache or Path(base) / "sewabazaar").absolute()
