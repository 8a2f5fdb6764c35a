"""`sewa demo`, as a newcomer starts it: the story ends as it is told, and leaves nothing behind."""

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.platform import SEWA

pytestmark = pytest.mark.timeout(240)


def test_the_story_is_played_to_its_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    tmp_path.chmod(0o755)
    done = subprocess.run([SEWA, "demo", "--fast", "--json"], env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["bookings"].keys() == {"completed", "cancelled"}
    assert summary["letters"] > sum(summary["bookings"].values())
    totals = summary["totals"]
    assert (totals["total"], totals["open"], totals["completed"]) == (80, 0, summary["bookings"]["completed"])
    assert totals["revenue_net"] == totals["revenue_gross"] != "0.00"
    assert list(tmp_path.iterdir()) == []
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(process.info["cmdline"] or [])]
