"""The folder that keeps everything of one `sewa up`: data, logs and what runs."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from services.runtime.errors import StartFailed

DYING_SECONDS = 1.0  # a kill -9 of the one before takes effect a moment later
LOG_BYTES = 10 * 1024 * 1024


@contextmanager
def usable(home: Path) -> Iterator[Path]:
    """Make `home` and give its absolute path. Raises StartFailed for whatever the file system refuses meanwhile."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / "log").mkdir(exist_ok=True)
        yield home.resolve()
    except OSError as error:
        raise StartFailed(f"{error.filename or home}: {error.strerror}: set SEWA_HOME to a folder that this user can write") from error


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Be the only `sewa up` on `home`. Raises StartFailed with the process that is already there."""
    with usable(home) as folder:
        file = (folder / "lock").open("a+")
    with file as lock:
        if not _locked(lock, fcntl.LOCK_EX, within=DYING_SECONDS):
            lock.seek(0)
            raise StartFailed(f"another `sewa up` runs on {folder} (process {lock.read().strip() or '?'}): stop it, or set SEWA_HOME")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def open_log(path: Path) -> IO[bytes]:
    """Open a log to append to, empty again once it has grown past 10 MB."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        os.truncate(path, 0)
    return path.open("ab")


def tail(path: Path, lines: int = 8) -> str:
    """Return the last lines of a log, indented."""
    last = path.read_text(errors="replace").splitlines()[-lines:] if path.exists() else []
    return "\n".join(f"  {line}" for line in last)


def is_held(home: Path) -> bool:
    """Whether a `sewa up` runs on `home`."""
    try:
        with (home / "lock").open() as lock:
            return not _locked(lock, fcntl.LOCK_SH, within=0.0)
    except OSError:
        return False


def _locked(lock: IO[str], kind: int, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
