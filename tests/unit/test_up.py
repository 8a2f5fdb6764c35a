"""What `sewa up` lets other shells know."""

import json
import subprocess
from pathlib import Path

import pytest

from services.cli.plan import RUN, Service
from services.cli.run_file import RunFile
from services.cli.up import _claim_ports, _shared
from services.runtime.embedded import Endpoints
from services.runtime.embedded.ports import claim_port
from services.runtime.errors import StartFailed

GIVEN = {
    "SEWA_CLOCK_FILE": "clock",
    "AUTO_CANCEL_ENABLED": "false",
    "SEWA_SMTP_URL": "smtp://me:secret@mail",
    "SEWA_SLOT": "1",
    "PATH": "/bin",
}


def test_other_shells_see_the_same_clock_and_policy_but_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    RunFile(tmp_path, Endpoints(None, None, None, None), None, _shared(GIVEN)).write([])
    written = json.loads((tmp_path / "run.json").read_text())
    assert written["settings"] == {"SEWA_CLOCK_FILE": str(tmp_path / "clock"), "AUTO_CANCEL_ENABLED": "false"}


def test_services_are_ours_whatever_lies_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    done = subprocess.run([*RUN, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_two_processes_on_one_port_are_refused_before_anything_starts() -> None:
    free = claim_port(0, "any")
    copies = Service("booking", free).specs({"SEWA_BOOKING_COPIES": "2"})
    with pytest.raises(StartFailed, match=f"port {free + 1} is meant for booking.1 and expiry.0: set SEWA_EXPIRY_PORT"):
        _claim_ports([*copies, *Service("expiry", free + 1).specs({})])
