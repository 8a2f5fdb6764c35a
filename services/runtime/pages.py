"""Pages of the documentation that are made from the code, and compared with it."""

import sys
from pathlib import Path


def keep_page(path: Path, text: str, command: str) -> int:
    """Write `text` to `path`; with `--check` on the command line compare only, and return 1 when `command` has to be run again."""
    if "--check" not in sys.argv:
        path.write_text(text, encoding="utf-8")
        return 0
    current = path.exists() and path.read_text(encoding="utf-8") == text
    if not current:
        sys.stderr.write(f"{path} is out of date: run `{command}`\n")
    return 0 if current else 1
