"""The documentation names only what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMED = re.compile(r"`((?:tests|services|contracts|docs|ops)/[\w./*-]+)`")
LINKED = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [name for name in NAMED.findall(text) if not list(ROOT.glob(name.rstrip("/")))]
    linked = [link for link in LINKED.findall(text) if not (page.parent / link).exists()]
    assert (named, linked) == ([], [])
