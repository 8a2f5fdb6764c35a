"""A minute of all kinds of faults under load: everything is reached, comes to rest, and keeps its promises."""

import os
from pathlib import Path

import pytest

from tests.faults.__main__ import told
from tests.faults.plan import PROFILES
from tests.faults.run import run

pytestmark = pytest.mark.timeout(600)
SEED = int(os.environ.get("FAULTS_SEED", "1"))


async def test_nothing_is_lost_doubled_or_stuck_whatever_goes_wrong(tmp_path: Path) -> None:
    report = await run(SEED, PROFILES["smoke"], tmp_path)
    assert report.verdict == "clean", told(report, f"FAULTS_SEED={SEED} .venv/bin/python -m pytest tests/faults/test_smoke.py")
