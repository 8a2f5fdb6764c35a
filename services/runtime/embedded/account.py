"""Who runs PostgreSQL: it refuses to be root."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runtime.errors import StartFailed

NOBODY = 65534
ENTER = 'cd "$1" && exec "$2" --version'


@dataclass(frozen=True, slots=True)
class Account:
    """`uid` to change to (None: stay as we are) and what to put before a command."""

    uid: int | None = None
    prefix: tuple[str, ...] = ()

    def run(self, argv: Sequence[str | Path], typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end under this account, with `typed` as its input and its output captured."""
        groups: tuple[int, ...] | None = None if self.uid is None else ()
        return subprocess.run(
            [*self.prefix, *argv],
            input=typed,
            user=self.uid,
            group=self.uid,
            extra_groups=groups,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )

    def own(self, folder: Path) -> None:
        """Make `folder` and all in it this account's, when we are root."""
        folder.mkdir(mode=0o700, exist_ok=True)
        uid = 0 if self.uid is None else self.uid
        if os.geteuid() == 0 and folder.stat().st_uid != uid:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, uid, uid, follow_symlinks=False)


def postgres_account(binary: Path, home: Path) -> Account:
    """Return the account that can run `binary` on data in `home`. Raises StartFailed when root finds none."""
    if os.geteuid() != 0:
        return Account()
    if _enters(nobody := Account(NOBODY), binary, home):
        return nobody
    unshare = shutil.which("unshare")
    if unshare and _enters(nameless := Account(None, (unshare, "--user")), binary, home):
        return nameless
    raise StartFailed(
        f"PostgreSQL does not run as root, and the user nobody cannot enter {binary.parent} or {home}: "
        "run as an ordinary user, or set SEWA_HOME (and put the environment) where everybody may enter"
    )


def _enters(account: Account, binary: Path, home: Path) -> bool:
    return account.run(["/bin/sh", "-c", ENTER, "sh", home, binary]).returncode == 0
