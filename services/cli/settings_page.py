"""Lists every setting in docs/settings.md: `python -m services.cli.settings_page [--check]`."""

import sys
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.cli.known import SERVICES
from services.cli.plan import UpSettings
from services.runtime.pages import keep_page
from services.runtime.settings import RuntimeSettings, environment_name

PAGE = Path("docs/settings.md")
INTRODUCTION = """# Settings

Read from the environment at the start. A wrong one stops the start with a message that names it.
Made from the code by `python -m services.cli.settings_page`.
"""
SECTIONS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("`sewa up`", UpSettings),
    ("Every service", RuntimeSettings),
    *((name.title(), service.settings) for name, service in SERVICES.items()),
)
COPIES = "\n`SEWA_<SERVICE>_COPIES` (1) is how many processes of a service `sewa up` runs; copy n listens on the service's port + n.\n"


def page() -> str:
    """Return the page in Markdown."""
    return INTRODUCTION + "".join(_section(title, settings) for title, settings in SECTIONS) + COPIES


def _section(title: str, settings: type[BaseSettings]) -> str:
    inherited = RuntimeSettings.model_fields if settings is not RuntimeSettings else {}
    own = [name for name in settings.model_fields if name not in inherited or settings is UpSettings]
    rows = [
        f"| `{environment_name(settings, name)}` | {_default(settings, name)} | {settings.model_fields[name].description or ''} |"
        for name in own
    ]
    return "\n".join([f"\n## {title}\n", "| variable | default | meaning |", "|---|---|---|", *rows, ""])


def _default(settings: type[BaseSettings], name: str) -> str:
    default = settings.model_fields[name].get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    return "–" if default is None else f"`{default}`"


if __name__ == "__main__":
    sys.exit(keep_page(PAGE, page(), "python -m services.cli.settings_page"))
