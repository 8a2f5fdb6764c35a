"""The services that this command line runs. One is imported when it is asked for: `sewa status` needs only their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.runtime.process import Process
    from services.runtime.settings import RuntimeSettings


@dataclass(frozen=True, slots=True)
class Known:
    """A service: its `app` has `<Name>Settings`, which it reads from the environment, and `build`, which composes it.

    On a machine that is busy to the full a service of less `niceness` (0 to 19) goes first.
    """

    name: str
    niceness: int

    @property
    def settings(self) -> "type[RuntimeSettings]":
        """What it reads from the environment."""
        settings: type[RuntimeSettings] = getattr(self._app, f"{self.name.title()}Settings")
        return settings

    @property
    def port(self) -> int:
        """Where its first copy serves its health, unless a setting says otherwise."""
        return int(self.settings.model_fields["port"].default)

    def build(self, settings: "RuntimeSettings") -> "Process":
        """Return the service, ready to run. Raises Misconfigured."""
        process: Process = self._app.build(settings)
        return process

    @property
    def _app(self) -> Any:
        return import_module(f"services.{self.name}.app")


# What has become of a booking comes first, then that it lapses in time and that people hear of it.
SERVICES: Mapping[str, Known] = {
    service.name: service
    for service in (Known("booking", 0), Known("directory", 19), Known("expiry", 5), Known("notifier", 5), Known("payments", 10))
}
