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
    """A service: its `app` has `<Name>Settings`, which it reads from the environment, and `build`, which composes it."""

    name: str

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


SERVICES: Mapping[str, Known] = {name: Known(name) for name in ("booking", "directory", "expiry", "notifier", "payments")}
